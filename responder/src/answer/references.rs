//! References to passages in a model's text, checked while it streams: `[3]` stays only when there is a third passage.
//!
//! Models also write `[1, 2]`, which becomes `[1][2]`, and sometimes a link, `[1](https://…)`: its address is not ours, so
//! the reference is parted from it.

/// The longest text that may still become a reference, in bytes.
const HELD_BYTES_MAX: usize = 24;

/// Passes a model's text on, without references to passages that are not there.
#[derive(Debug)]
pub(super) struct References {
    passages: usize,
    /// The beginning of what may become a reference.
    held: String,
    follows_reference: bool,
}

impl References {
    /// For an answer that was given `passages` passages, numbered from 1.
    pub(super) const fn to(passages: usize) -> Self {
        Self {
            passages,
            held: String::new(),
            follows_reference: false,
        }
    }

    /// Takes the next piece of the text and answers what of it can be said now; nothing, at times.
    pub(super) fn push(&mut self, text: &str) -> String {
        let mut said = String::with_capacity(text.len());
        for char in text.chars() {
            self.take(char, &mut said);
        }
        said
    }

    /// What was held back when the text ended.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    fn take(&mut self, char: char, said: &mut String) {
        let follows_reference = std::mem::take(&mut self.follows_reference);
        let is_inside = !self.held.is_empty();
        match char {
            '[' => {
                said.push_str(&self.finish());
                self.held.push('[');
            }
            ']' if is_inside => {
                if let Some(numbers) = numbers(&self.held) {
                    self.held.clear();
                    self.refer(&numbers, said);
                } else {
                    said.push_str(&self.finish());
                    said.push(']');
                }
            }
            '0'..='9' | ',' | ' ' if is_inside && self.held.len() < HELD_BYTES_MAX => self.held.push(char),
            _ => {
                said.push_str(&self.finish());
                if char == '(' && follows_reference {
                    said.push(' ');
                }
                said.push(char);
            }
        }
    }

    fn refer(&mut self, numbers: &[usize], said: &mut String) {
        for number in numbers.iter().filter(|number| (1..=self.passages).contains(number)) {
            said.push('[');
            said.push_str(&number.to_string());
            said.push(']');
            self.follows_reference = true;
        }
    }
}

/// The numbers of `[1` or `[1, 2`; none when it is something else.
fn numbers(held: &str) -> Option<Vec<usize>> {
    let inside = held.strip_prefix('[')?;
    inside.split(',').map(|number| number.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_passages_that_are_there_are_referred_to() {
        assert_eq!(
            checked(2, &["Yes [1], no [3], perhaps [2]."]),
            "Yes [1], no , perhaps [2]."
        );
        assert_eq!(checked(0, &["Yes [1]."]), "Yes .");
        assert_eq!(
            checked(2, &["[0][00][99999999999999999999999]"]),
            "[99999999999999999999999]"
        );
    }

    #[test]
    fn several_in_one_bracket_are_several() {
        assert_eq!(checked(2, &["Both [1, 2] and [2,7]."]), "Both [1][2] and [2].");
    }

    #[test]
    fn a_reference_is_no_link() {
        assert_eq!(
            checked(1, &["See [1](https://evil.example/)."]),
            "See [1] (https://evil.example/)."
        );
        assert_eq!(checked(1, &["See [1]", "(x) and (y)."]), "See [1] (x) and (y).");
    }

    #[test]
    fn other_brackets_are_left_alone() {
        for text in [
            "[ ] to do",
            "a[i] = [b]",
            "[link](https://x.y)",
            "[[1",
            "[1, two]",
            "end [",
        ] {
            assert_eq!(checked(1, &[text]), text, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "[\\[\\]()0-9, aé]{0,60}", cut in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(checked(3, &[one, other]), checked(3, &[&text]));
        }
    }

    fn checked(passages: usize, pieces: &[&str]) -> String {
        let mut references = References::to(passages);
        let mut text: String = pieces.iter().map(|piece| references.push(piece)).collect();
        text.push_str(&references.finish());
        text
    }
}
