//! Web addresses in a model's text, checked while it streams: one that the model was not given is one that it invented, and
//! is not said.

use events::markdown::LEFT_OUT;

use crate::{prompt::ChatMessage, retrieve::Passage};

const SCHEMES: [&str; 2] = ["https://", "http://"];

/// The longest address that is looked at whole, in bytes; a longer one is cut, and so is unknown.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// Passes a model's text on, without addresses that it was not given.
#[derive(Debug)]
pub(super) struct Links {
    /// All that the model was told, with the addresses in it.
    known: String,
    /// An address, or the beginning of what may become one.
    held: String,
    /// Whether a word goes on: addresses begin where none does, so that the end of a word need not be held back.
    is_in_word: bool,
}

impl Links {
    /// For an answer to these messages, from these passages.
    pub(super) fn given(messages: &[ChatMessage], passages: &[Passage]) -> Self {
        let told = messages.iter().map(|message| message.content.clone());
        let known: Vec<String> = told.chain(passages.iter().map(Passage::link)).collect();
        Self::among(known.join("\n"))
    }

    const fn among(known: String) -> Self {
        Self {
            known,
            held: String::new(),
            is_in_word: false,
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
        let held = std::mem::take(&mut self.held);
        if is_address(&held) { self.checked(held) } else { held }
    }

    fn take(&mut self, char: char, said: &mut String) {
        let is_in_word = std::mem::replace(&mut self.is_in_word, char.is_alphanumeric());
        if is_in_word && self.held.is_empty() {
            said.push(char);
            return;
        }
        self.held.push(char);
        let goes_on = if is_address(&self.held) {
            !ends_address(char) && self.held.len() < ADDRESS_BYTES_MAX
        } else {
            may_become_address(&self.held)
        };
        if goes_on {
            return;
        }
        self.held.pop();
        said.push_str(&self.finish());
        // What ends one may begin another.
        if !is_in_word && may_become_address(char.encode_utf8(&mut [0; 4])) {
            self.held.push(char);
        } else {
            said.push(char);
        }
    }

    fn checked(&self, address: String) -> String {
        let end = address
            .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '\''])
            .len();
        if self.known.contains(&address[..end]) {
            address
        } else {
            format!("{LEFT_OUT}{}", &address[end..])
        }
    }
}

fn is_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    })
}

fn may_become_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| {
        scheme
            .get(..text.len())
            .is_some_and(|beginning| beginning.eq_ignore_ascii_case(text))
    })
}

fn ends_address(char: char) -> bool {
    char.is_whitespace()
        || char.is_control()
        || matches!(
            char,
            '<' | '>' | '"' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '\\' | '`' | '^'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &str = "Returns: https://shop.example/returns#how. Book at https://cal.example/us";

    #[test]
    fn addresses_that_were_given_are_said() {
        for text in [
            "See https://shop.example/returns#how.",
            "**https://cal.example/us**, or https://shop.example/returns!",
            "[here](https://cal.example/us) and <https://shop.example>",
            "http and https:// are no addresses, nor is h",
        ] {
            assert_eq!(checked(&[text]), text);
        }
    }

    #[test]
    fn addresses_that_nobody_gave_are_left_out() {
        assert_eq!(checked(&["See https://shop.example/refunds."]), "See ….");
        assert_eq!(checked(&["[here](HTTP://evil.example/x)"]), "[here](…)");
        assert_eq!(
            checked(&["https://evil.example/ https://cal.example/us"]),
            "… https://cal.example/us"
        );
        assert_eq!(checked(&["http:https://a.example"]), "http:…");
        let endless = format!("https://{}", "a".repeat(5_000));
        assert!(checked(&[&endless]).starts_with('…'));
    }

    #[test]
    fn the_end_of_a_word_is_not_held_back() {
        let mut links = Links::among(KNOWN.to_owned());
        assert_eq!(links.push("enough"), "enough");
        assert_eq!(links.push(" h"), " ");
        assert_eq!(links.push("ere"), "here");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_text_is_cut(text in "(h|ht|http|https|:|/|//|x|\\.| |\\)|é|https://cal\\.example/us){0,12}", cut in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (one, other) = text.split_at(at);
            prop_assert_eq!(checked(&[one, other]), checked(&[&text]));
        }
    }

    fn checked(pieces: &[&str]) -> String {
        let mut links = Links::among(KNOWN.to_owned());
        let mut text: String = pieces.iter().map(|piece| links.push(piece)).collect();
        text.push_str(&links.finish());
        text
    }
}
