//! Markdown as one reads it aloud, sentence by sentence.

/// Markdown as one reads it aloud: without marks, links by their text, headings dropped, one block per line.
pub(crate) fn plain_text(markdown: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    let mut columns: Vec<String> = Vec::new();
    let mut ahead = markdown.lines().map(str::trim).peekable();
    while let Some(line) = ahead.next() {
        if line.starts_with('|') {
            let cells = cells(line);
            if ahead.peek().is_some_and(|next| is_table_rule(next)) {
                columns = cells;
            } else if !is_table_rule(line) {
                lines.push(row(&columns, &cells));
            }
            continues = false;
            continue;
        }
        columns.clear();
        if line.is_empty() || line.starts_with('#') || line.starts_with("```") {
            continues = false;
            continue;
        }
        let is_item = line.starts_with("- ") || line.starts_with("* ") || starts_with_number(line);
        let text = inline(without_marker(line));
        match lines.last_mut() {
            Some(last) if continues && !is_item => {
                last.push(' ');
                last.push_str(&text);
            }
            _ => lines.push(text),
        }
        continues = true;
    }
    lines.join("\n")
}

fn is_table_rule(line: &str) -> bool {
    line.starts_with('|') && line.contains('-') && line.chars().all(|char| "|-: ".contains(char))
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim_start_matches('|').trim_end_matches('|');
    line.split('|').map(|cell| inline(cell.trim())).collect()
}

/// A row of a table as a sentence that can be read without the others: its first cell says what it is of.
fn row(columns: &[String], cells: &[String]) -> String {
    let named = |(index, cell): (usize, &String)| match columns.get(index) {
        Some(column) if index > 0 && !column.is_empty() => format!("{column} {cell}"),
        _ => cell.clone(),
    };
    let said = cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    let said: Vec<String> = said.map(named).collect();
    match said.split_first() {
        Some((first, others)) if !others.is_empty() => format!("{first}: {}.", others.join(", ")),
        _ => said.concat() + ".",
    }
}

pub(super) fn starts_with_number(line: &str) -> bool {
    line.split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Without the mark of a quotation or of a list's item.
pub(super) fn without_marker(line: &str) -> &str {
    let line = line.trim_start_matches(['>', ' ']);
    let line = line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .unwrap_or(line);
    match line.split_once(". ") {
        Some((_, rest)) if starts_with_number(line) => rest,
        _ => line,
    }
}

/// Links and images by their text, emphasis and code without their marks.
pub(super) fn inline(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, link) = rest.split_at(start);
        plain.push_str(before.trim_end_matches('!'));
        match link
            .split_once("](")
            .and_then(|(label, after)| Some((label, after.split_once(')')?.1)))
        {
            Some((label, after)) if !label[1..].contains('[') => {
                plain.push_str(&label[1..]);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = &link[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
        .replace("**", "")
        .replace("__", "")
        .replace(['`', '*'], "")
        .replace('\\', "")
}

/// Splits at the ends of sentences and of lines; an abbreviation's dot is followed by a small letter or a digit.
pub(super) fn sentences(plain: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for line in plain.lines() {
        let mut start = 0;
        for (at, char) in line.char_indices() {
            let end = at + char.len_utf8();
            if !matches!(char, '.' | '!' | '?' | '。' | '！' | '？') {
                continue;
            }
            let rest = line[end..].trim_start();
            let is_end = line[end..].starts_with(char::is_whitespace)
                && rest
                    .chars()
                    .next()
                    .is_some_and(|next| next.is_uppercase() || !next.is_alphanumeric() || char != '.');
            if is_end {
                sentences.push(line[start..end].trim().to_owned());
                start = end;
            }
        }
        sentences.push(line[start..].trim().to_owned());
    }
    sentences.retain(|sentence| sentence.chars().filter(|char| char.is_alphanumeric()).count() > 1);
    sentences
}

/// Whether it is a sentence, as headings and labels are not.
pub(super) fn is_whole(sentence: &str) -> bool {
    sentence.ends_with(['.', '!', '?', '。', '！', '？'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_reads_as_text() {
        let markdown = "# Title\n\nSee **our** [terms](https://x.y/z) and `code`.\nIt goes on.\n\n- One\n- Two\n\n| Day | Opens | Closes |\n|---|---|---|\n| Saturday | 10:00 | 15:00 |\n| Sunday | | closed |\n\n| a | b | c |";
        assert_eq!(
            plain_text(markdown),
            "See our terms and code. It goes on.\nOne\nTwo\nSaturday: Opens 10:00, Closes 15:00.\nSunday: Closes closed.\na: b, c."
        );
    }

    #[test]
    fn numbers_and_abbreviations_do_not_end_a_sentence() {
        assert_eq!(
            sentences("It costs 4.50 e.g. in Berlin. Yes! Really?"),
            ["It costs 4.50 e.g. in Berlin.", "Yes!", "Really?"]
        );
    }
}
