//! HTML in a text, made inert while it streams: `<img …>` becomes `‹img …>`, which no reader takes for a tag, and nothing of
//! what was said is lost.
//!
//! Autolinks of pages, mail and telephone stay: `<https://…>`, `<me@shop.example>`. So does code between fences, where a
//! reader of Markdown takes nothing for a tag and visitors copy what stands there.

use super::targets::SCHEMES;

/// What stands for the `<` of a tag.
const INERT: char = '‹';

/// The longest autolink, in bytes.
const AUTOLINK_BYTES_MAX: usize = 2_048;

/// Passes a text on, without tags.
#[derive(Debug, Default)]
pub struct Tags {
    /// A `<`, and what may become an autolink behind it.
    held: String,
    /// The line so far.
    line: String,
    fence: Option<Fence>,
}

/// What opened a block of code, and closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

impl Tags {
    /// Takes the next piece of the text and answers what of it can be said now; nothing, at times.
    pub fn push(&mut self, text: &str) -> String {
        let mut said = String::with_capacity(text.len());
        for char in text.chars() {
            if self.fence.is_some() {
                said.push(char);
            } else {
                self.take(char, &mut said);
            }
            self.follow(char);
        }
        said
    }

    /// What was held back when the text ended.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if held.len() > 1 { inert(&held) } else { held }
    }

    fn take(&mut self, char: char, said: &mut String) {
        if self.held.is_empty() {
            if char == '<' {
                self.held.push(char);
            } else {
                said.push(char);
            }
            return;
        }
        let is_first = self.held.len() == 1;
        if is_first && !may_open_tag(char) {
            said.push_str(&std::mem::take(&mut self.held));
            self.take(char, said);
        } else if char == '>' && is_autolink(&self.held[1..]) {
            said.push_str(&std::mem::take(&mut self.held));
            said.push(char);
        } else if may_be_in_autolink(char) && self.held.len() < AUTOLINK_BYTES_MAX {
            self.held.push(char);
        } else {
            said.push_str(&inert(&std::mem::take(&mut self.held)));
            self.take(char, said);
        }
    }

    /// Notes where blocks of code begin and end. Only fences at the very beginning of a line are known: an indented one may
    /// belong to a list, and end with it.
    fn follow(&mut self, char: char) {
        if char != '\n' {
            self.line.push(char);
            return;
        }
        let line = std::mem::take(&mut self.line);
        self.fence = match self.fence {
            None => opened(&line),
            Some(fence) if closes(&line, fence) => None,
            fence => fence,
        };
    }
}

fn inert(held: &str) -> String {
    held.replacen('<', &INERT.to_string(), 1)
}

fn may_open_tag(char: char) -> bool {
    char.is_ascii_alphabetic() || matches!(char, '/' | '!' | '?')
}

fn may_be_in_autolink(char: char) -> bool {
    !char.is_whitespace() && !char.is_control() && !matches!(char, '<' | '>' | '"' | '\'' | '`')
}

fn is_autolink(text: &str) -> bool {
    let is_mail = |(name, host): (&str, &str)| {
        let is_in_name = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
        let is_in_host = |char: char| char.is_ascii_alphanumeric() || ".-".contains(char);
        !name.is_empty() && !host.is_empty() && name.chars().all(is_in_name) && host.chars().all(is_in_host)
    };
    match text.split_once(':') {
        Some((scheme, _)) => SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)),
        None => text.split_once('@').is_some_and(is_mail),
    }
}

/// The block of code that `line` opens.
fn opened(line: &str) -> Option<Fence> {
    let mark = line.chars().next().filter(|char| matches!(char, '`' | '~'))?;
    let rest = line.trim_start_matches(mark);
    let length = line.len() - rest.len();
    // Behind backticks a further one makes them code within the line.
    (length >= 3 && !(mark == '`' && rest.contains('`'))).then_some(Fence { mark, length })
}

fn closes(line: &str, fence: Fence) -> bool {
    let marks = line.trim_start_matches(' ');
    let rest = marks.trim_start_matches(fence.mark);
    line.len() - marks.len() <= 3 && marks.len() - rest.len() >= fence.length && rest.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_none_any_more() {
        let table = [
            ("<img src=x onerror=alert(1)>", "‹img src=x onerror=alert(1)>"),
            ("<b>bold</b>", "‹b>bold‹/b>"),
            ("<<script>alert(1)</script>", "<‹script>alert(1)‹/script>"),
            ("<javascript:alert(2)>", "‹javascript:alert(2)>"),
            ("<!-- x --> <?php", "‹!-- x --> ‹?php"),
            ("<https://shop.example onclick=x>", "‹https://shop.example onclick=x>"),
            ("<a:b@c>", "‹a:b@c>"),
            ("`<b>` and ``` <b>", "`‹b>` and ``` ‹b>"),
            ("- ```\n  <b>", "- ```\n  ‹b>"),
            ("end <b", "end ‹b"),
        ];
        for (text, expected) in table {
            assert_eq!(checked(&[text]), expected, "{text}");
        }
        let endless = format!("<https://{}>", "a".repeat(5_000));
        assert!(checked(&[&endless]).starts_with("‹https"));
    }

    #[test]
    fn what_is_no_tag_stays() {
        for text in [
            "1 < 2 <3 and a<=b",
            "<https://shop.example/a?b=c>, <mailto:a@shop.example>, <a.b@shop.example>",
            "```html\n<script src=\"x\"></script>\n```\nDone.",
            "~~~\n```\n<b>\n~~~\n",
            "end <",
        ] {
            assert_eq!(checked(&[text]), text, "{text}");
        }
    }

    #[test]
    fn code_ends_where_it_is_closed() {
        let table = [
            ("```\n<a>\n```\n<b>", "```\n<a>\n```\n‹b>"),
            ("````\n```\n<a>\n`````  \n<b>", "````\n```\n<a>\n`````  \n‹b>"),
            ("~~~\n```\n~~~\n<b>", "~~~\n```\n~~~\n‹b>"),
            ("```a```\n<b>", "```a```\n‹b>"),
            ("``\n<b>", "``\n‹b>"),
        ];
        for (text, expected) in table {
            assert_eq!(checked(&[text]), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "(<|>|/|b|a@b|https:| |\\n|```|~~~|é){0,16}", cut in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(checked(&[one, other]), checked(&[&text]));
        }

        #[test]
        fn outside_of_code_no_tag_survives(text in "[<>/!?a-c= \"]{0,40}") {
            let said = checked(&[&text]);
            let opens = said.char_indices().any(|(at, char)| char == '<' && said[at + 1..].starts_with(may_open_tag));
            prop_assert!(!opens, "{}", said);
        }
    }

    fn checked(pieces: &[&str]) -> String {
        let mut tags = Tags::default();
        let mut text: String = pieces.iter().map(|piece| tags.push(piece)).collect();
        text.push_str(&tags.finish());
        text
    }
}
