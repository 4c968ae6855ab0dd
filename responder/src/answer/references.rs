//! References to passages in a model's text, checked while it streams: `[3]` stays only when there is a third passage, and a
//! footnote, `[^3]`, never. What is dropped takes the space before it along where the text goes on without one: "30 days [9]."
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
    /// A space that is said only when what follows needs it.
    has_space: bool,
    follows: Follows,
}

/// What stood right before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Text,
    Reference,
    /// A reference that was dropped.
    Dropped,
}

impl References {
    /// For an answer that was given `passages` passages, numbered from 1.
    pub(super) const fn to(passages: usize) -> Self {
        Self {
            passages,
            held: String::new(),
            has_space: false,
            follows: Follows::Text,
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
        let mut said = String::new();
        // Nothing follows what was dropped at the very end.
        self.has_space &= self.follows != Follows::Dropped || !self.held.is_empty();
        self.say_held(&mut said);
        said
    }

    fn take(&mut self, char: char, said: &mut String) {
        let is_inside = !self.held.is_empty();
        match char {
            '[' => {
                if is_inside {
                    self.say_held(said);
                    self.follows = Follows::Text;
                }
                self.held.push('[');
            }
            ']' if is_inside => match numbers(&self.held) {
                Some(numbers) => {
                    self.held.clear();
                    self.refer(&numbers, said);
                }
                None => self.say(']', said),
            },
            '^' if self.held == "[" => self.held.push('^'),
            '0'..='9' | ',' | ' ' if is_inside && self.held.len() < HELD_BYTES_MAX => self.held.push(char),
            ' ' => self.take_space(said),
            _ => {
                let is_close = char.is_whitespace() || matches!(char, '.' | ',' | ';' | ':' | '!' | '?' | ')');
                if !is_inside && self.follows == Follows::Dropped && is_close {
                    self.has_space = false;
                }
                if !is_inside && self.follows == Follows::Reference && char == '(' {
                    self.has_space = true;
                }
                self.say(char, said);
            }
        }
    }

    fn take_space(&mut self, said: &mut String) {
        let is_inside = !self.held.is_empty();
        // Of the spaces around what was dropped one is left.
        if is_inside || self.follows != Follows::Dropped {
            self.say_held(said);
        }
        self.has_space = true;
        self.follows = Follows::Text;
    }

    fn say(&mut self, char: char, said: &mut String) {
        self.say_held(said);
        said.push(char);
        self.follows = Follows::Text;
    }

    fn say_held(&mut self, said: &mut String) {
        if std::mem::take(&mut self.has_space) {
            said.push(' ');
        }
        said.push_str(&std::mem::take(&mut self.held));
    }

    fn refer(&mut self, numbers: &[usize], said: &mut String) {
        let mut is_dropped = true;
        for number in numbers.iter().filter(|number| (1..=self.passages).contains(number)) {
            is_dropped = false;
            if std::mem::take(&mut self.has_space) {
                said.push(' ');
            }
            said.push('[');
            said.push_str(&number.to_string());
            said.push(']');
        }
        self.follows = if is_dropped {
            Follows::Dropped
        } else {
            Follows::Reference
        };
    }
}

/// The numbers of `[1` or `[1, 2`, of which a footnote's refer to nothing; none when it is something else.
fn numbers(held: &str) -> Option<Vec<usize>> {
    let inside = held.strip_prefix('[')?;
    let (inside, is_footnote) = inside
        .strip_prefix('^')
        .map_or((inside, false), |inside| (inside, true));
    let numbers: Vec<usize> = inside
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect::<Option<_>>()?;
    Some(if is_footnote { Vec::new() } else { numbers })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_passages_that_are_there_are_referred_to() {
        assert_eq!(
            checked(2, &["Yes [1], no [3], perhaps [2]."]),
            "Yes [1], no, perhaps [2]."
        );
        assert_eq!(checked(0, &["Yes [1]."]), "Yes.");
        assert_eq!(
            checked(2, &["[0][00][99999999999999999999999]"]),
            "[99999999999999999999999]"
        );
    }

    #[test]
    fn what_is_dropped_leaves_no_gap() {
        let table = [
            ("It costs 290 kr [9]. Also", "It costs 290 kr. Also"),
            ("It costs [9] 290 kr [9][8]", "It costs 290 kr"),
            ("Yes[9] or no [9]\nso", "Yes or no\nso"),
            ("(as told [9]) [1]", "(as told) [1]"),
            ("Both [9][1] and [1] [9].", "Both [1] and [1]."),
            ("Told [9]so", "Told so"),
            ("A note [^1], and [^9].", "A note, and."),
            ("Two  spaces , and one ", "Two  spaces , and one "),
        ];
        for (text, expected) in table {
            assert_eq!(checked(1, &[text]), expected, "{text}");
        }
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
            "[^note] and [^1a]",
            "x [ 1 y",
            "end [",
            "end ",
        ] {
            assert_eq!(checked(1, &[text]), text, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "[\\[\\]()^0-9, .aé]{0,60}", cut in 0_usize..60) {
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
