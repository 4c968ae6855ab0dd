//! Tables as sentences. An answer quotes one row, and a passage may begin in the middle of a table: each row says by itself
//! what its cells are.

use std::rc::Rc;

use htmd::{
    Element, Node,
    element_handler::{HandlerResult, Handlers},
};

use super::{attribute, children, has_within, is_within, tag};

/// More columns are no table that a person reads.
const COLUMNS_MAX: usize = 40;

/// As the HTML standard has it.
const ROWS_MAX: usize = 65_534;

/// Longer text in a head is no name of a column, and is not repeated in each row.
const NAME_BYTES_MAX: usize = 120;

/// Longer text in a cell that spans rows is said once.
const CARRIED_BYTES_MAX: usize = 120;

/// A page may not have more text, so neither may a table.
const TOLD_BYTES_MAX: usize = 1_024 * 1_024;

/// Letters of the word before a full stop, from which on it is no abbreviation.
const WORD_LETTERS_MIN: usize = 3;

/// "Saturday: Opens 10:00, Closes 15:00." for each row; a table that names neither columns nor rows stays as it is.
pub(super) fn sentences(handlers: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    match told(handlers, element.node) {
        Some(told) => Some(told.into()),
        None => handlers.fallback(element),
    }
}

fn told(handlers: &dyn Handlers, table: &Rc<Node>) -> Option<String> {
    let names = has_within(table, &["th", "thead"]);
    if !names || has_within(table, &["table"]) || is_within(table, &["td", "th"]) {
        return None;
    }
    let mut teller = Teller::default();
    let mut caption = String::new();
    for part in children(table) {
        match tag(&part) {
            Some("caption") => caption = text(handlers, &part),
            Some("tr") => teller.row(cells(handlers, &part), false)?,
            Some(section @ ("thead" | "tbody" | "tfoot")) => {
                for row in children(&part) {
                    if tag(&row) == Some("tr") {
                        teller.row(cells(handlers, &row), section == "thead")?;
                    }
                }
            }
            _ => {}
        }
    }
    teller
        .has_rows
        .then(|| format!("\n\n{caption}\n\n{}\n\n", teller.told.trim_end()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    text: Rc<str>,
    is_header: bool,
    column: usize,
    columns: usize,
    rows: usize,
}

fn cells(handlers: &dyn Handlers, row: &Rc<Node>) -> Vec<Cell> {
    let cell = |node: &Rc<Node>| {
        let is_header = match tag(node) {
            Some("th") => true,
            Some("td") => false,
            _ => return None,
        };
        let span = |name: &str, max: usize| {
            let given = attribute(node, name).and_then(|count| count.trim().parse::<usize>().ok());
            given.unwrap_or(1).clamp(1, max)
        };
        Some(Cell {
            text: text(handlers, node).into(),
            is_header,
            column: 0,
            columns: span("colspan", COLUMNS_MAX),
            rows: span("rowspan", ROWS_MAX),
        })
    };
    children(row).iter().filter_map(cell).collect()
}

/// A cell's text on one line.
fn text(handlers: &dyn Handlers, cell: &Rc<Node>) -> String {
    let markdown = handlers.walk_children(cell).content;
    let lines = markdown.lines().map(|line| {
        let line = line.trim().trim_start_matches(['#', '>', ' ']);
        let item = line.strip_prefix("* ").or_else(|| line.strip_prefix("- "));
        item.unwrap_or(line).trim()
    });
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let Some((last, before)) = lines.split_last() else {
        return String::new();
    };
    let mut parts: Vec<&str> = before.iter().map(|line| without_stop(line)).collect();
    parts.push(last);
    one_sentence(&parts.join("; "))
}

/// The full stop of "a.m." stays.
fn without_stop(line: &str) -> &str {
    match line.strip_suffix('.') {
        Some(rest) if !rest.rsplit(' ').next().is_some_and(|word| word.contains('.')) => rest,
        _ => line,
    }
}

/// With semicolons where sentences end, so that a row stays one.
fn one_sentence(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        told.push_str(word);
        let Some(next) = words.peek() else { break };
        let is_word = word.chars().filter(|char| char.is_alphabetic()).count() >= WORD_LETTERS_MIN;
        if word.ends_with('!') || (word.ends_with('.') && is_word && next.starts_with(char::is_uppercase)) {
            told.pop();
            told.push(';');
        } else if word.ends_with('?') {
            told.push(';');
        }
        told.push(' ');
    }
    told
}

/// Reads row after row.
#[derive(Debug, Default)]
struct Teller {
    /// Of the columns.
    names: Vec<String>,
    /// The row before named columns.
    is_naming: bool,
    /// Cells that reach down into coming rows, by their first column, and into how many.
    carried: Vec<Option<(Cell, usize)>>,
    /// What a head across the table says of the rows below it.
    group: String,
    has_rows: bool,
    told: String,
}

impl Teller {
    /// Takes the next row; none when the table cannot be told.
    fn row(&mut self, cells: Vec<Cell>, is_head: bool) -> Option<()> {
        if cells.is_empty() {
            return Some(());
        }
        let cells = self.placed(cells);
        if let [only] = cells.as_slice()
            && (only.columns > 1 || (only.is_header && self.names.len() > 1))
        {
            self.across(only);
        } else if is_head || cells.iter().all(|cell| cell.is_header || cell.text.is_empty()) {
            self.name(&cells)?;
        } else if let Some(sentence) = self.sentence(&cells) {
            self.is_naming = false;
            self.has_rows = true;
            self.told.push_str(&sentence);
        }
        (self.told.len() <= TOLD_BYTES_MAX).then_some(())
    }

    /// The cells with their columns, those from rows above among them.
    fn placed(&mut self, cells: Vec<Cell>) -> Vec<Cell> {
        let mut placed = Vec::with_capacity(cells.len());
        let mut cells = cells.into_iter();
        let mut column = 0;
        while column < COLUMNS_MAX {
            let above = self.carried.get_mut(column).and_then(Option::take);
            if let Some((cell, rows)) = above {
                column += cell.columns;
                placed.push(cell.clone());
                self.carry(cell, rows - 1);
            } else if let Some(mut cell) = cells.next() {
                cell.column = column;
                column += cell.columns;
                let mut below = cell.clone();
                if below.text.len() > CARRIED_BYTES_MAX {
                    below.text = Rc::from("");
                }
                self.carry(below, cell.rows - 1);
                placed.push(cell);
            } else if column < self.carried.len() {
                column += 1;
            } else {
                break;
            }
        }
        for mut cell in cells {
            (cell.column, cell.columns) = (column, 1);
            column += 1;
            placed.push(cell);
        }
        placed
    }

    fn carry(&mut self, cell: Cell, rows: usize) {
        if rows == 0 {
            return;
        }
        let column = cell.column;
        if self.carried.len() <= column {
            self.carried.resize(column + 1, None);
        }
        self.carried[column] = Some((cell, rows));
    }

    /// A line across the table: a remark, or the head of what follows.
    fn across(&mut self, cell: &Cell) {
        if cell.text.is_empty() {
            return;
        }
        self.told.push_str("- ");
        self.told.push_str(&cell.text);
        self.told.push('\n');
        if cell.is_header && cell.text.len() <= NAME_BYTES_MAX {
            self.group = format!("{}, ", cell.text);
        }
    }

    /// Names the columns; a second row of names says more about them.
    fn name(&mut self, cells: &[Cell]) -> Option<()> {
        if !self.is_naming {
            self.names.clear();
        }
        self.is_naming = true;
        for cell in cells {
            let text = cell.text.replace("**", "");
            let text = without_stop(&text).trim_end_matches(':');
            if text.len() > NAME_BYTES_MAX {
                return None;
            }
            let end = cell.column + cell.columns;
            if self.names.len() < end {
                self.names.resize(end, String::new());
            }
            for name in &mut self.names[cell.column..end] {
                if name.is_empty() {
                    text.clone_into(name);
                } else if *name != text && !text.is_empty() {
                    *name = format!("{name} {text}");
                }
            }
        }
        Some(())
    }

    fn sentence(&self, cells: &[Cell]) -> Option<String> {
        let mut said = cells.iter().filter(|cell| !cell.text.is_empty()).peekable();
        let first = said.next_if(|cell| cell.column == 0);
        let row = first.map(|cell| {
            if is_code(&cell.text) {
                self.named(cell)
            } else {
                without_stop(&cell.text).to_owned()
            }
        });
        let rest: Vec<String> = said.map(|cell| self.named(cell)).collect();
        let told = match (row, rest.is_empty()) {
            (Some(row), true) => row,
            (Some(row), false) => format!("{}: {}", row.trim_end_matches(':'), rest.join(", ")),
            (None, false) => rest.join(", "),
            (None, true) => return None,
        };
        let stop = if told.ends_with(['.', '!', '?']) { "" } else { "." };
        Some(format!("- {}{told}{stop}\n", self.group))
    }

    /// What the cell says, after the name of its column.
    fn named(&self, cell: &Cell) -> String {
        let text = without_stop(&cell.text);
        let name = self.names.get(cell.column).filter(|_| cell.columns == 1);
        match name {
            Some(name) if !name.is_empty() && !text.to_lowercase().starts_with(&name.to_lowercase()) => {
                format!("{name} {text}")
            }
            _ => text.to_owned(),
        }
    }
}

/// Whether it says nothing without the name of its column, as "150–160 cm", "X200" and "XL" do not.
fn is_code(text: &str) -> bool {
    let bare = text.trim_start_matches(|char: char| !char.is_alphanumeric());
    let is_one_word = !text.contains(char::is_whitespace);
    bare.starts_with(char::is_numeric)
        || (is_one_word && (text.contains(char::is_numeric) || !text.contains(char::is_lowercase)))
}

#[cfg(test)]
mod tests {
    use super::super::to_markdown;

    #[test]
    fn a_row_says_what_its_cells_are() {
        let hours = "<caption>When we are here</caption><thead><tr><th>Day</th><th>Opens</th><th>Closes</th></tr></thead>\
            <tbody><tr><td>Saturday</td><td>10:00</td><td>15:00.</td></tr>\
            <tr><th scope=row>Sunday</th><td colspan=2>closed</td></tr><tr><td>Monday</td><td></td><td>18:00</td></tr></tbody>";
        assert_eq!(
            told(hours),
            "When we are here\n\n- Saturday: Opens 10:00, Closes 15:00.\n- Sunday: closed.\n- Monday: Closes 18:00."
        );
        let sizes = "<tr><th>Height</th><th>Size</th></tr><tr><td>150–160 cm</td><td>S</td></tr>\
            <tr><td>taller</td><td>M</td></tr>";
        assert_eq!(told(sizes), "- Height 150–160 cm: Size S.\n- taller: Size M.");
        let prices = "<tr><th>Size</th><th>Price</th></tr><tr><td>XL</td><td>Price on request</td></tr>";
        assert_eq!(told(prices), "- Size XL: Price on request.");
    }

    #[test]
    fn a_row_stays_one_sentence() {
        let answers = "<tr><th>Bike</th><th>Lent</th></tr>\
            <tr><td>Cargo</td><td>Yes, always. Ask us! Call<br>or write.</td></tr><tr><td>Road</td><td>from 9 a.m.</td></tr>";
        assert_eq!(
            told(answers),
            "- Cargo: Lent Yes, always; Ask us; Call; or write.\n- Road: Lent from 9 a.m."
        );
    }

    #[test]
    fn rows_without_a_head_are_told_by_their_own() {
        let facts = "<tr><th>Weight:</th><td>3 kg</td></tr><tr><th>Colours</th><td>red</td><td>blue</td></tr>";
        assert_eq!(told(facts), "- Weight: 3 kg.\n- Colours: red, blue.");
    }

    #[test]
    fn cells_that_span_are_said_where_they_belong() {
        let prices = "<thead><tr><th rowspan=2>Bike</th><th colspan=2>Summer</th></tr><tr><th>Day</th><th>Week</th></tr></thead>\
            <tr><th colspan=3>With a motor</th></tr><tr><td>City</td><td rowspan=2>30 €</td><td>150 €</td></tr>\
            <tr><td>Cargo</td><td>200 €</td></tr><tr><td colspan=3>A helmet is free.</td></tr>";
        assert_eq!(
            told(prices),
            "- With a motor\n- With a motor, City: Summer Day 30 €, Summer Week 150 €.\n\
             - With a motor, Cargo: Summer Day 30 €, Summer Week 200 €.\n- A helmet is free."
        );
    }

    #[test]
    fn a_table_that_names_nothing_stays() {
        let plain = told("<tr><td>Saturday</td><td>10:00</td></tr>");
        assert!(
            plain.contains("Saturday") && plain.contains("10:00") && !plain.contains("Saturday:"),
            "{plain}"
        );
    }

    #[test]
    fn a_hostile_span_costs_nothing() {
        let row = "<tr><td>a</td><td>b</td></tr>".repeat(1_000);
        let spans = format!(
            "<tr><th>x</th><th>y</th></tr><tr><td rowspan=65534 colspan=999999999>{}</td></tr>{row}",
            "word ".repeat(10_000)
        );
        assert!(told(&spans).len() < 200_000);
    }

    fn told(table: &str) -> String {
        to_markdown(&format!("<main><table>{table}</table></main>")).expect("a page")
    }
}
