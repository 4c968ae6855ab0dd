//! What a model's stream says, chunk by chunk. Fields that are unknown are ignored, and all that are known may be missing.

use events::conversation::TokenUsage;
use serde::Deserialize;

use super::{Piece, model::ModelError, sse::Decoder};

/// An answer is cut here, whatever the model was asked for: it has to fit into one message of the log, and be read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The longest name of an error that is kept, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    decoder: Decoder,
    said_bytes: usize,
    progress: Progress,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Progress {
    #[default]
    Saying,
    /// The text is complete; the count of tokens may follow.
    Said,
    /// Nothing follows.
    Over,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Chunks {
    pub(super) const fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether any text was said.
    pub(super) const fn has_spoken(&self) -> bool {
        self.said_bytes > 0
    }

    /// Takes the next bytes and answers what they say. Once the text is complete, nothing that follows takes it back.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, ModelError> {
        let mut pieces = Vec::new();
        let pushed = self.push_into(bytes, &mut pieces);
        if pushed.is_err() && self.progress == Progress::Said {
            self.progress = Progress::Over;
            return Ok(pieces);
        }
        pushed.map(|()| pieces)
    }

    fn push_into(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) -> Result<(), ModelError> {
        for data in self.decoder.push(bytes).map_err(|_| ModelError::EndlessLine)? {
            if self.progress == Progress::Over {
                break;
            }
            if data == "[DONE]" {
                self.progress = Progress::Over;
            } else {
                self.read(&data, pieces)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, data: &str, pieces: &mut Vec<Piece>) -> Result<(), ModelError> {
        // The parser's own words may quote the answer, so only the place is kept.
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|error| ModelError::Malformed { column: error.column() })?;
        if let Some(error) = chunk.error {
            return Err(ModelError::Reported { code: code(&error) });
        }
        if let Some(usage) = chunk.usage {
            pieces.push(Piece::Usage(TokenUsage {
                prompt_tokens: usage.prompt_tokens.unwrap_or_default(),
                completion_tokens: usage.completion_tokens.unwrap_or_default(),
            }));
        }
        for Choice { delta, finish_reason } in chunk.choices.into_iter().flatten() {
            let token = delta.and_then(|delta| delta.content).unwrap_or_default();
            if self.progress == Progress::Saying && !token.is_empty() {
                self.say(token, pieces);
            }
            if let Some(reason) = finish_reason
                && self.progress == Progress::Saying
            {
                self.progress = Progress::Said;
                pieces.extend((reason == "length").then_some(Piece::Length));
            }
        }
        Ok(())
    }

    fn say(&mut self, mut token: String, pieces: &mut Vec<Piece>) {
        let left = ANSWER_BYTES_MAX - self.said_bytes;
        let is_too_long = token.len() > left;
        if is_too_long {
            token.truncate(token.floor_char_boundary(left));
        }
        self.said_bytes += token.len();
        pieces.push(Piece::Token(token));
        if is_too_long {
            pieces.push(Piece::Length);
            self.progress = Progress::Over;
        }
    }
}

/// What a model calls its error: the name that it is told by, and nothing that is a sentence.
fn code(error: &serde_json::Value) -> String {
    let is_name = |text: &str| {
        text.len() <= CODE_BYTES_MAX
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let name = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::String(text) if !text.is_empty() && is_name(text) => Some(text.clone()),
        _ => None,
    };
    let names: Vec<String> = ["type", "code"].iter().filter_map(|key| name(&error[*key])).collect();
    if names.is_empty() {
        "without a code".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_ends_and_counts_are_read() {
        let mut chunks = Chunks::default();
        let first = json!({ "id": "x", "new": { "field": 1 }, "choices": [{ "delta": { "role": "assistant", "content": null } }] });
        assert_eq!(push(&mut chunks, &first), []);
        let said = json!({ "choices": [{ "delta": { "content": "Yes." }, "finish_reason": null }], "usage": null });
        assert_eq!(push(&mut chunks, &said), [Piece::Token("Yes.".to_owned())]);
        assert_eq!(chunks.progress(), Progress::Saying);
        assert_eq!(
            push(
                &mut chunks,
                &json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] })
            ),
            []
        );
        assert_eq!(chunks.progress(), Progress::Said);
        let counted = json!({ "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 2, "other": {} } });
        let usage = TokenUsage {
            prompt_tokens: 9,
            completion_tokens: 2,
        };
        assert_eq!(push(&mut chunks, &counted), [Piece::Usage(usage)]);
        assert_eq!(chunks.push(b"data: [DONE]\n\ndata: nonsense\n").expect("an end"), []);
        assert_eq!(chunks.progress(), Progress::Over);
    }

    #[test]
    fn what_follows_a_complete_text_takes_nothing_from_it() {
        let whole = "data: {\"choices\":[{\"delta\":{\"content\":\"Yes.\"},\"finish_reason\":\"stop\"}]}\n\n";
        for nonsense in [
            "data: {\"usage\":[\n\n",
            "data: {\"error\":{}}\n\n",
            &"x".repeat(2 << 20),
        ] {
            let mut at_once = Chunks::default();
            let mut one_by_one = Chunks::default();
            let said = one_by_one.push(whole.as_bytes()).expect("a text");
            assert_eq!(one_by_one.push(nonsense.as_bytes()).expect("an end"), []);
            if nonsense.starts_with("data") {
                let both = [whole, nonsense].concat();
                assert_eq!(at_once.push(both.as_bytes()).expect("a text, then its end"), said);
                assert_eq!(at_once.progress(), Progress::Over);
            }
            assert_eq!(
                (said, one_by_one.progress()),
                (vec![Piece::Token("Yes.".to_owned())], Progress::Over)
            );
        }
    }

    #[test]
    fn an_answer_that_does_not_end_is_cut() {
        let mut chunks = Chunks::default();
        let long = json!({ "choices": [{ "delta": { "content": "é".repeat(6_000) } }] });
        assert_eq!(push(&mut chunks, &long).len(), 1);

        let pieces = push(&mut chunks, &long);

        assert_eq!(pieces.len(), 2);
        assert!(matches!(&pieces[0], Piece::Token(token) if token.len() == ANSWER_BYTES_MAX - 12_000));
        assert_eq!((&pieces[1], chunks.progress()), (&Piece::Length, Progress::Over));
    }

    #[test]
    fn what_is_wrong_is_told_without_quoting_it() {
        let secret = "data: {\"choices\": \"my name is Alex\"}\n";
        let error = Chunks::default().push(secret.as_bytes()).expect_err("no chunk");
        assert!(matches!(error, ModelError::Malformed { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("Alex"));
        let table = [
            (
                json!({ "message": "Alex is too long", "type": "server_error", "code": 529 }),
                "server_error, 529",
            ),
            (
                json!({ "message": "Alex", "code": "Alex asked too much" }),
                "without a code",
            ),
            (json!("Alex"), "without a code"),
        ];
        for (error, expected) in table {
            let line = format!("data: {}\n", json!({ "error": error }));
            let reported = Chunks::default().push(line.as_bytes());
            assert!(
                matches!(reported, Err(ModelError::Reported { code }) if code == expected),
                "{line}"
            );
        }
        assert!(
            Chunks::default()
                .push(b"data: {\"error\": null, \"choices\": null}\n")
                .is_ok()
        );
    }

    fn push(chunks: &mut Chunks, chunk: &serde_json::Value) -> Vec<Piece> {
        chunks.push(format!("data: {chunk}\n\n").as_bytes()).expect("a chunk")
    }
}
