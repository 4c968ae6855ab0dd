//! What is said: a curated answer, small talk, a model's answer, or sentences from the agent's own pages.

mod curated;
mod extractive;
mod model;
mod phrases;
mod sse;

use events::conversation::{Citation, TokenUsage};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use self::model::Model;
pub(crate) use self::model::ModelError;
use crate::{config::ModelConfig, retrieve::Retrieved, turn::Question};

/// Fewer passages than this that can be trusted, and the answer says that it is not sure.
const CONFIDENT_PASSAGES: usize = 2;

/// A snippet's length, in characters.
const SNIPPET_CHARS: usize = 200;

/// Chooses who answers.
pub(crate) struct Answerer {
    model: Option<Model>,
}

/// An answer that is about to be said.
pub(crate) struct Answer {
    pub(crate) pieces: BoxStream<'static, Result<Piece, AnswerError>>,
    pub(crate) citations: Vec<Citation>,
    pub(crate) low_confidence: bool,
    /// `extractive`, or the model's name.
    pub(crate) answerer: String,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// Said next; all of them joined are the answer.
    Token(String),
    /// The model reached its limit.
    Length,
    /// What the model counted.
    Usage(TokenUsage),
    /// The model failed before it said anything: what follows is extractive.
    FellBack {
        answerer: String,
        low_confidence: bool,
        citations: Vec<Citation>,
    },
}

/// An answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("the model's answer broke off")]
pub(crate) struct AnswerError(#[from] ModelError);

impl Answerer {
    pub(crate) fn new(config: &ModelConfig) -> Result<Self, reqwest::Error> {
        Ok(Self {
            model: Model::new(config)?,
        })
    }

    pub(crate) fn answer(&self, question: &Question<'_>) -> Answer {
        let asked = question.turn.question.expose();
        if let Some(curated) = curated::find(&question.agent.behavior_rules, asked) {
            let citations = curated.url.map(|url| Citation {
                id: 1,
                url,
                title: None,
                snippet: None,
            });
            return ready(curated.answer, citations.into_iter().collect(), false, "curated");
        }
        if let Some(reply) = phrases::small_talk(asked, question.agent) {
            return ready(reply, Vec::new(), false, "extractive");
        }
        match &self.model {
            Some(model) => by_model(model, question),
            None => by_extract(question.retrieved, question),
        }
    }
}

fn ready(text: String, citations: Vec<Citation>, low_confidence: bool, answerer: &str) -> Answer {
    Answer {
        pieces: stream::iter(words(&text).map(Ok).collect::<Vec<_>>()).boxed(),
        citations,
        low_confidence,
        answerer: answerer.to_owned(),
    }
}

fn by_extract(retrieved: &Retrieved, question: &Question<'_>) -> Answer {
    let (text, citations, low_confidence) = extract(retrieved, question);
    ready(text, citations, low_confidence, "extractive")
}

fn extract(retrieved: &Retrieved, question: &Question<'_>) -> (String, Vec<Citation>, bool) {
    match extractive::compose(retrieved) {
        Some(composed) => (composed.text, composed.citations, is_unsure(retrieved)),
        None => (
            phrases::unknown(&question.agent.language_default).to_owned(),
            Vec::new(),
            true,
        ),
    }
}

/// The model's answer; when it fails before its first token, the extractive one.
fn by_model(model: &Model, question: &Question<'_>) -> Answer {
    let low_confidence = is_unsure(question.retrieved);
    let (instead, instead_citations, instead_low) = extract(question.retrieved, question);
    let mut said = model.say(question);
    let pieces = async_stream::stream! {
        let mut is_speaking = false;
        while let Some(piece) = said.next().await {
            match piece {
                Err(error) if !is_speaking => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the model failed, the answer is extractive");
                    let (answerer, citations) = ("extractive".to_owned(), instead_citations.clone());
                    yield Ok(Piece::FellBack { answerer, low_confidence: instead_low, citations });
                    for piece in words(&instead) {
                        yield Ok(piece);
                    }
                    return;
                }
                piece => {
                    is_speaking |= matches!(piece, Ok(Piece::Token(_)));
                    yield piece.map_err(AnswerError);
                }
            }
        }
    };
    let passages = question.retrieved.passages.iter();
    let citations = passages.zip(1..).map(|(passage, id)| citation(passage, id)).collect();
    Answer {
        pieces: pieces.boxed(),
        citations,
        low_confidence,
        answerer: model.name().to_owned(),
    }
}

fn is_unsure(retrieved: &Retrieved) -> bool {
    retrieved
        .passages
        .iter()
        .filter(|passage| passage.is_confident())
        .count()
        < CONFIDENT_PASSAGES
}

/// A citation always comes from our own passages, never from a model's text.
fn citation(passage: &crate::retrieve::Passage, id: u32) -> Citation {
    let plain = extractive::plain_text(&passage.content);
    let mut snippet: String = plain.chars().take(SNIPPET_CHARS).collect();
    if snippet.len() < plain.len() {
        snippet.push('…');
    }
    Citation {
        id,
        url: passage.link(),
        title: Some(passage.title.clone()),
        snippet: Some(snippet),
    }
}

/// Word by word; joined they are the text again.
fn words(text: &str) -> impl Iterator<Item = Piece> {
    text.split_inclusive(' ').map(|word| Piece::Token(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_joined_are_the_text(text in ".{0,200}") {
            let joined: String = words(&text).map(|piece| match piece {
                Piece::Token(token) => token,
                other => panic!("not a token: {other:?}"),
            }).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
