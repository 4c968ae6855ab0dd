//! Saying an answer: its pieces become frames as they come, until they end or the visitor has read enough.

use std::time::{Duration, Instant};

use events::{
    conversation::{Citation, FinishReason, TokenUsage},
    log::FrameWriter,
    tokens::FrameBody,
};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::{Answer, Citing, Piece},
    metrics,
    turn::Failure,
};

/// What was said.
pub(crate) struct Said {
    pub(crate) content: String,
    pub(crate) citations: Vec<Citation>,
    pub(crate) low_confidence: bool,
    pub(crate) finish_reason: FinishReason,
    pub(crate) answerer: String,
    pub(crate) usage: Option<TokenUsage>,
    /// Since the turn's start; none when nothing was said.
    pub(crate) first_token: Option<Duration>,
}

/// Sends the pieces of `answer` as they come; the turn began at `started`.
///
/// # Errors
/// The answer broke off, or the log cannot be written.
pub(crate) async fn speak(
    answer: Answer,
    stop: &CancellationToken,
    started: Instant,
    frames: &mut FrameWriter,
) -> Result<Said, Failure> {
    let (mut pieces, citing) = (answer.pieces, answer.citing);
    let mut said = Said {
        content: String::new(),
        citations: answer.citations,
        low_confidence: answer.low_confidence,
        finish_reason: FinishReason::Complete,
        answerer: answer.answerer,
        usage: None,
        first_token: None,
    };
    loop {
        let piece = tokio::select! {
            biased;
            () = stop.cancelled() => {
                said.finish_reason = FinishReason::Stopped;
                break;
            }
            piece = pieces.next() => piece,
        };
        match piece.transpose()? {
            None => break,
            Some(Piece::Token(token)) => {
                if said.first_token.is_none() {
                    said.first_token = Some(started.elapsed());
                    metrics::first_token(started.elapsed());
                }
                said.content.push_str(&token);
                frames.send(FrameBody::Token { token }).await.map_err(Failure::Log)?;
            }
            Some(Piece::Length) => said.finish_reason = FinishReason::Length,
            Some(Piece::Usage(usage)) => said.usage = Some(usage),
            Some(Piece::FellBack {
                answerer,
                low_confidence,
                citations,
            }) => {
                said = Said {
                    citations,
                    low_confidence,
                    answerer,
                    finish_reason: FinishReason::Complete,
                    ..said
                };
            }
        }
    }
    if citing == Citing::Referred {
        said.keep_referred_citations();
    }
    Ok(said)
}

impl Said {
    /// What the text does not refer to was not used. A whole answer that refers to nothing has no source, and is not to be
    /// relied on; one that was stopped might have come to it.
    fn keep_referred_citations(&mut self) {
        let content = &self.content;
        self.citations
            .retain(|citation| content.contains(&format!("[{}]", citation.id)));
        self.low_confidence |= self.citations.is_empty() && self.finish_reason != FinishReason::Stopped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_cited() {
        let table = [
            ("Yes [2], indeed.", false, FinishReason::Complete, (vec![2], false)),
            ("Perhaps [1].", true, FinishReason::Complete, (vec![1], true)),
            ("Both [1][2], of [3]", false, FinishReason::Length, (vec![1, 2], false)),
            ("As [1] says", false, FinishReason::Stopped, (vec![1], false)),
        ];
        for (content, low_confidence, finish_reason, expected) in table {
            assert_eq!(kept(content, low_confidence, finish_reason), expected, "{content}");
        }
    }

    #[test]
    fn an_answer_without_references_has_no_source() {
        let nothing: Vec<u32> = Vec::new();
        for content in ["Yes.", "I do not know [3].", ""] {
            assert_eq!(kept(content, false, FinishReason::Complete), (nothing.clone(), true));
        }
        assert_eq!(
            kept("You can", false, FinishReason::Stopped),
            (nothing, false),
            "it was not finished"
        );
    }

    /// The citations of an answer that had two, and whether it is one of low confidence.
    fn kept(content: &str, low_confidence: bool, finish_reason: FinishReason) -> (Vec<u32>, bool) {
        let citation = |id| Citation {
            id,
            url: format!("/{id}"),
            title: None,
            snippet: None,
        };
        let mut said = Said {
            content: content.to_owned(),
            citations: vec![citation(1), citation(2)],
            low_confidence,
            finish_reason,
            answerer: String::new(),
            usage: None,
            first_token: None,
        };
        said.keep_referred_citations();
        let ids = said.citations.iter().map(|citation| citation.id).collect();
        (ids, said.low_confidence)
    }
}
