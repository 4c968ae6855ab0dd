//! What a model thinks before it speaks, `<think>…</think>`, is not said: it is taken out while the text streams.

const OPENING: &str = "<think>";
const CLOSING: &str = "</think>";

/// Passes a model's text on, without its thoughts.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    /// The beginning of what may become a mark.
    held: String,
    is_thinking: bool,
    /// Blanks that part a thought from what is said are no part of it.
    follows_thought: bool,
}

impl Thoughts {
    /// Takes the next piece of the text and answers what of it can be said now; nothing, at times.
    pub(super) fn push(&mut self, text: &str) -> String {
        let mut said = String::with_capacity(text.len());
        for char in text.chars() {
            self.take(char, &mut said);
        }
        said
    }

    /// What was held back when the text ended. A thought that did not end is none the less one.
    pub(super) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.is_thinking { String::new() } else { held }
    }

    fn take(&mut self, char: char, said: &mut String) {
        let mark = if self.is_thinking { CLOSING } else { OPENING };
        let was_held = !self.held.is_empty();
        self.held.push(char);
        if self.held.eq_ignore_ascii_case(mark) {
            self.held.clear();
            self.follows_thought = self.is_thinking;
            self.is_thinking = !self.is_thinking;
            return;
        }
        let begins_mark = mark
            .get(..self.held.len())
            .is_some_and(|beginning| beginning.eq_ignore_ascii_case(&self.held));
        if begins_mark {
            return;
        }
        self.held.pop();
        let held = std::mem::take(&mut self.held);
        if was_held {
            self.say(&held, said);
            // What ends one may begin another: no mark has its first character within.
            self.take(char, said);
        } else {
            self.say(char.encode_utf8(&mut [0; 4]), said);
        }
    }

    fn say(&mut self, text: &str, said: &mut String) {
        let is_blank = text.chars().all(char::is_whitespace);
        if self.is_thinking || (self.follows_thought && is_blank) {
            return;
        }
        self.follows_thought = false;
        said.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thoughts_are_not_said() {
        let table = [
            ("<think>The visitor wants a refund.</think>\n\nYes.", "Yes."),
            ("Yes. <Think>a < b </thin </THINK> No.", "Yes. No."),
            ("<think>a</think><think>b</think> c", "c"),
            ("<think>it did not end", ""),
            ("<think>", ""),
            (
                "a </think> b <thinking> <<think>c</think>d",
                "a </think> b <thinking> <d",
            ),
            ("a <th", "a <th"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(said(&[text]), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "(<|<think>|</think>|think>|t|é| ){0,10}", cut in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(said(&[one, other]), said(&[&text]));
        }
    }

    fn said(pieces: &[&str]) -> String {
        let mut thoughts = Thoughts::default();
        let mut text: String = pieces.iter().map(|piece| thoughts.push(piece)).collect();
        text.push_str(&thoughts.finish());
        text
    }
}
