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
    answer::{Answer, Piece},
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
    let mut pieces = answer.pieces;
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
                    ..said
                };
            }
        }
    }
    said.keep_used_citations();
    Ok(said)
}

impl Said {
    /// What the text does not refer to was not used. A text without any reference used all of it, unless it is one that
    /// nobody is sure of: that is an "I do not know".
    fn keep_used_citations(&mut self) {
        let content = &self.content;
        let referred = |citation: &Citation| content.contains(&format!("[{}]", citation.id));
        let is_guess = self.low_confidence && self.finish_reason != FinishReason::Stopped;
        if self.citations.iter().any(referred) {
            self.citations.retain(referred);
        } else if content.is_empty() || is_guess {
            self.citations.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_cited() {
        assert_eq!(kept("Yes [2], indeed.", false, FinishReason::Complete), [2]);
        assert_eq!(kept("Perhaps [1].", true, FinishReason::Complete), [1]);
    }

    #[test]
    fn an_answer_without_references_used_everything_or_nothing() {
        assert_eq!(kept("Yes.", false, FinishReason::Complete), [1, 2]);
        assert!(kept("I do not know.", true, FinishReason::Complete).is_empty());
        assert_eq!(
            kept("You can", true, FinishReason::Stopped),
            [1, 2],
            "it was not finished"
        );
        assert!(kept("", false, FinishReason::Stopped).is_empty());
    }

    fn kept(content: &str, low_confidence: bool, finish_reason: FinishReason) -> Vec<u32> {
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
        said.keep_used_citations();
        said.citations.iter().map(|citation| citation.id).collect()
    }
}
