//! Where the links of a text lead, checked while it streams: `[here](javascript:…)` and `[here]: data:…` lose their target.
//!
//! Paths of the site are fine. What is left out leaves a mark, so that nothing before and behind it becomes a target together.

use super::LEFT_OUT;

/// What a link may open; the label of any other stays, and leads nowhere.
pub(super) const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// A target that has not shown its scheme by then, in bytes, is not one that anybody wrote.
const HELD_BYTES_MAX: usize = 256;

/// Passes a text on, without targets of links that are no pages.
#[derive(Debug, Default)]
pub struct Targets {
    place: Place,
    /// The beginning of a target whose scheme is not known yet.
    held: String,
}

/// Where in the Markdown the last character stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// Behind a `]`: a `(` or a `:` makes it a link.
    Label,
    /// Behind `](` or `]:`, before the target itself.
    Before,
    /// In a target that may still be fine.
    Target(Shape),
    /// In one that is left out.
    LeftOut(Shape),
}

/// How a target is written, which says where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Up to a blank, or to the parenthesis that closes the link; those within are counted.
    Bare { open: usize },
    /// `<…>`, in which blanks may stand.
    Angled,
}

impl Shape {
    const fn is_ended_by(self, char: char) -> bool {
        match self {
            Self::Bare { open } => char.is_whitespace() || (open == 0 && char == ')'),
            Self::Angled => matches!(char, '>' | '\n'),
        }
    }

    const fn after(self, char: char) -> Self {
        match (self, char) {
            (Self::Bare { open }, '(') => Self::Bare { open: open + 1 },
            (Self::Bare { open }, ')') => Self::Bare {
                open: open.saturating_sub(1),
            },
            _ => self,
        }
    }
}

impl Targets {
    /// Takes the next piece of the text and answers what of it can be said now; nothing, at times.
    pub fn push(&mut self, text: &str) -> String {
        let mut said = String::with_capacity(text.len());
        for char in text.chars() {
            self.take(char, &mut said);
        }
        said
    }

    /// What was held back when the text ended.
    pub fn finish(&mut self) -> String {
        self.place = Place::Text;
        std::mem::take(&mut self.held)
    }

    fn take(&mut self, char: char, said: &mut String) {
        match self.place {
            Place::Label if matches!(char, '(' | ':') => {
                self.place = Place::Before;
                said.push(char);
            }
            Place::Before if char.is_whitespace() => said.push(char),
            Place::Before if char == '<' => {
                self.place = Place::Target(Shape::Angled);
                said.push(char);
            }
            Place::Before => self.take_target(Shape::Bare { open: 0 }, char, said),
            Place::Target(shape) => self.take_target(shape, char, said),
            Place::LeftOut(shape) if !shape.is_ended_by(char) => self.place = Place::LeftOut(shape.after(char)),
            Place::Text | Place::Label | Place::LeftOut(_) => self.take_text(char, said),
        }
    }

    fn take_text(&mut self, char: char, said: &mut String) {
        self.place = if char == ']' { Place::Label } else { Place::Text };
        said.push(char);
    }

    fn take_target(&mut self, shape: Shape, char: char, said: &mut String) {
        if shape.is_ended_by(char) {
            said.push_str(&self.finish());
            self.take_text(char, said);
            return;
        }
        self.place = Place::Target(shape.after(char));
        // `x:` with nothing behind it is a word of the text, and `10:30` a time; with more it is a scheme.
        let scheme = self.held.strip_suffix(':');
        let has_strange_scheme = scheme.is_some_and(|scheme| !scheme.bytes().all(|byte| byte.is_ascii_digit()));
        // Escapes and references to characters could spell a scheme, and blanks within one are ignored by browsers.
        let hides_scheme = matches!(char, '&' | '\\') || char.is_control();
        // `//host` is another site's page, whatever its scheme.
        let is_host = self.held == "/" && char == '/';
        if has_strange_scheme || hides_scheme || is_host || self.held.len() >= HELD_BYTES_MAX {
            self.held.clear();
            self.place = Place::LeftOut(shape.after(char));
            said.push(LEFT_OUT);
            return;
        }
        let is_known = char == ':' && SCHEMES.iter().any(|scheme| self.held.eq_ignore_ascii_case(scheme));
        // A path has no scheme, nor has what stands behind one that is known.
        let is_path = self.held == "/" || matches!(char, '?' | '#') || (char == '/' && !self.held.is_empty());
        self.held.push(char);
        if is_known || is_path {
            said.push_str(&self.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_to_pages_stay() {
        for text in [
            "[here](https://shop.example/a_(b)?x=y:z), [mail](mailto:a@shop.example) and [call](tel:+44)",
            "[a](/path:b) [b](#part:c) [c](?q=a:b) [d](page.html) [e](HTTPS://shop.example)",
            "[a](</a b:c>) [b](<https://shop.example>)",
            "As [1]: Note: it is open. [2]: 10:30 to 12. [3]: https://shop.example",
            "javascript: is a word, and so is [one] (data:x)",
            "[a]( /b \"a: title\")",
            "[",
            "a](b",
        ] {
            assert_eq!(checked(&[text]), text, "{text}");
        }
    }

    #[test]
    fn other_schemes_lead_nowhere() {
        let table = [
            ("[here](javascript:alert(1)) now", "[here](…) now"),
            ("[x](data:text/html,hi)", "[x](…)"),
            ("![x](DATA:image/svg+xml,y)", "![x](…)"),
            ("[x]( \n javascript:alert(1) 'title')", "[x]( \n … 'title')"),
            ("[x](<javascript:alert(1) >)", "[x](<…>)"),
            ("[x](<java\tscript:alert(1)>)", "[x](<…>)"),
            ("[x](&#106;avascript:alert(1))", "[x](…)"),
            ("[x](javascript&colon;alert(1))", "[x](…)"),
            ("[x](javascript\\:alert(1))", "[x](…)"),
            ("[x]: vbscript:y\nand [x]", "[x]: …\nand [x]"),
            ("[x](ftp://shop.example)", "[x](…)"),
            ("[x](//evil.example) [x](</\t/evil.example>)", "[x](…) [x](<…>)"),
            ("[x](javascript:alert(1", "[x](…"),
        ];
        for (text, expected) in table {
            assert_eq!(checked(&[text]), expected, "{text}");
        }
        let endless = format!("[x]({}:y)", "a".repeat(5_000));
        assert_eq!(checked(&[&endless]), "[x](…)");
    }

    #[test]
    fn it_is_said_as_soon_as_the_scheme_is_known() {
        let mut targets = Targets::default();
        assert_eq!(targets.push("[x](ht"), "[x](");
        assert_eq!(targets.push("tps:"), "https:");
        assert_eq!(targets.push("//shop"), "//shop");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "(\\[|\\]|\\(|\\)|:|<|>|&|/| |x|é|https:|javascript:){0,14}", cut in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(checked(&[one, other]), checked(&[&text]));
        }

        #[test]
        fn no_target_with_another_scheme_survives(before in "[\\[\\]()<> a:]{0,10}", scheme in "javascript|data|vbscript|[b-g]{1,12}") {
            let said = checked(&[&format!("{before} [x]({scheme}:y)")]);
            prop_assert!(!said.contains(&format!("]({scheme}:y")), "{}", said);
        }
    }

    fn checked(pieces: &[&str]) -> String {
        let mut targets = Targets::default();
        let mut text: String = pieces.iter().map(|piece| targets.push(piece)).collect();
        text.push_str(&targets.finish());
        text
    }
}
