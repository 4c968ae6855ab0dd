//! All the checks that a model's text goes through while it streams. Each sees what those before it let through: what is left
//! out joins what stands around it, so the order is part of the checks: tags come last, since nothing may make one.

use events::markdown::{Tags, Targets};

use super::{links::Links, references::References, thoughts::Thoughts};
use crate::{prompt::ChatMessage, retrieve::Passage};

/// A model's text, fit to be said.
#[derive(Debug)]
pub(super) struct Checked {
    thoughts: Thoughts,
    references: References,
    targets: Targets,
    links: Links,
    tags: Tags,
}

impl Checked {
    /// For an answer to these messages, from these passages.
    pub(super) fn given(messages: &[ChatMessage], passages: &[Passage]) -> Self {
        Self {
            thoughts: Thoughts::default(),
            references: References::to(passages.len()),
            targets: Targets::default(),
            links: Links::given(messages, passages),
            tags: Tags::default(),
        }
    }

    /// Takes the next piece of the text and answers what of it can be said now; nothing, at times.
    pub(super) fn push(&mut self, text: &str) -> String {
        let text = self.thoughts.push(text);
        let text = self.references.push(&text);
        let text = self.targets.push(&text);
        let text = self.links.push(&text);
        self.tags.push(&text)
    }

    /// What was held back when the text ended.
    pub(super) fn finish(&mut self) -> String {
        let text = self.thoughts.finish();
        let text = self.references.push(&text) + &self.references.finish();
        let text = self.targets.push(&text) + &self.targets.finish();
        let text = self.links.push(&text) + &self.links.finish();
        self.tags.push(&text) + &self.tags.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_out_makes_nothing_new() {
        let table = [
            ("[x](java[9]script:alert(1))", "[x](…)"),
            ("<i<think>…</think>mg src=x>", "‹img src=x>"),
            ("[1](javascript:alert(1))", "[1] (javascript:alert(1))"),
            ("<javascript:alert(2)>", "‹javascript:alert(2)>"),
            ("<https://evil.example/>", "<…>"),
            ("[x](https://shop.example/a)", "[x](https://shop.example/a)"),
        ];
        for (text, expected) in table {
            assert_eq!(checked(&[text]), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(
            text in "(\\[1\\]|\\[9\\]|\\]\\(|\\)|javascript:|https://x\\.example|<|>|think>|/|b| |\\.|\\n){0,12}",
            cut in 0_usize..80,
        ) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(checked(&[one, other]), checked(&[&text]));
        }
    }

    fn checked(pieces: &[&str]) -> String {
        let passages = [Passage::example("/a", "", "See https://shop.example/a.", 0.9)];
        let told = Passage::example("https://shop.example/a", "", "", 0.9);
        let mut checked = Checked::given(&[], &[passages[0].clone(), told]);
        let mut text: String = pieces.iter().map(|piece| checked.push(piece)).collect();
        text.push_str(&checked.finish());
        text
    }
}
