//! A text as the model reads it: the word pieces of BERT, in lower case and without accents.
//!
//! `vocabulary.txt` is that of `bert-base-uncased` (Google, Apache-2.0): a piece a line, its number is that of the line.

use rten_text::{
    models::{Model as _, WordPiece, WordPieceOptions},
    normalizers::{Bert as Normalizer, BertOptions, Normalizer as _},
    pre_tokenizers::{Bert as Splitter, PreTokenizer as _},
};

const VOCABULARY: &str = include_str!("vocabulary.txt");

/// The model was trained on texts of this length, and takes twice as long for twice as much.
const TOKENS_MAX: usize = 128;

/// More of a text than can matter, in bytes, is not even cut into words.
const BYTES_MAX: usize = 4_000;

/// What stands before and after a text.
const BEFORE: i32 = 101;
const AFTER: i32 = 102;

/// The words that the model knows.
pub(crate) struct Tokens {
    normalizer: Normalizer,
    splitter: Splitter,
    pieces: WordPiece,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let vocabulary = VOCABULARY.lines().map(str::to_owned).zip(0..).collect();
        Self {
            normalizer: Normalizer::new(BertOptions {
                lowercase: true,
                strip_accents: true,
            }),
            splitter: Splitter::new(),
            pieces: WordPiece::from_vocab(vocabulary, WordPieceOptions::default()),
        }
    }

    /// The beginning of `text`; what cannot be read is left out.
    pub(crate) fn of(&self, text: &str) -> Vec<i32> {
        let text = text[..text.floor_char_boundary(BYTES_MAX)].chars();
        let text: String = text.filter(|char| !char.is_control() || char.is_whitespace()).collect();
        let mut tokens = vec![BEFORE];
        if let Ok((normal, _)) = self.normalizer.normalize(&text)
            && let Ok(words) = self.splitter.pre_tokenize(&normal)
        {
            let pieces = words.iter().filter_map(|word| self.pieces.encode(word).ok());
            let pieces = pieces.flatten().filter_map(|token| i32::try_from(token).ok());
            tokens.extend(pieces.take(TOKENS_MAX - 2));
        }
        tokens.push(AFTER);
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_pieces_that_the_model_was_trained_on() {
        let tokens = Tokens::new();
        assert_eq!(tokens.of("Hello, world!"), [101, 7592, 1010, 2088, 999, 102]);
        assert_eq!(tokens.of("Embeddings"), [101, 7861, 8270, 4667, 2015, 102]);
        assert_eq!(tokens.of("café"), tokens.of("CAFE"));
        assert_eq!(tokens.of(" \u{0}\n"), [101, 102]);
    }

    #[test]
    fn a_long_text_is_its_beginning() {
        assert_eq!(Tokens::new().of(&"é word ".repeat(10_000)).len(), TOKENS_MAX);
    }
}
