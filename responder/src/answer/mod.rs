//! What is said: a curated answer, small talk, a model's answer, or sentences from the agent's own pages.

mod breaker;
mod checked;
mod chunks;
mod curated;
mod extractive;
mod languages;
mod links;
mod model;
mod phrases;
mod plain;
mod references;
mod sse;
mod thoughts;

use events::conversation::{Citation, TokenUsage};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use self::{checked::Checked, model::Model};
pub(crate) use self::{model::ModelError, plain::plain_text};
use crate::{
    config::ModelConfig,
    prompt,
    retrieve::{Passage, Retrieved},
    turn::Question,
};

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
    pub(crate) citing: Citing,
    pub(crate) low_confidence: bool,
    /// `extractive`, or the model's name.
    pub(crate) answerer: String,
}

/// Which of its citations an answer stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Citing {
    /// Those that its text refers to, as `[1]`. One that refers to none is not to be relied on.
    Referred,
    /// All: whoever wrote the answer named them.
    All,
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

    /// The answer from `retrieved`.
    pub(crate) fn answer(&self, question: &Question<'_>, retrieved: &Retrieved) -> Answer {
        match &self.model {
            Some(model) if model.is_up() => by_model(model, question, retrieved),
            _ => by_extract(question, retrieved),
        }
    }
}

/// The answer to what needs no looking up: the team's own answers, greetings and thanks.
pub(crate) fn known(question: &Question<'_>) -> Option<Answer> {
    let asked = question.turn.question.expose();
    if let Some(curated) = curated::find(question) {
        let citation = curated.url.clone().map(|url| Citation {
            id: 1,
            url,
            title: curated.title.clone(),
            snippet: None,
        });
        let citations = citation.into_iter().collect();
        return Some(Answer {
            citing: Citing::All,
            ..ready(curated.answer.clone(), citations, false, "curated")
        });
    }
    let reply = phrases::small_talk(asked, question.agent)?;
    Some(Answer {
        citing: Citing::All,
        ..ready(reply, Vec::new(), false, "extractive")
    })
}

fn ready(text: String, citations: Vec<Citation>, low_confidence: bool, answerer: &str) -> Answer {
    Answer {
        pieces: stream::iter(words(&text).map(Ok).collect::<Vec<_>>()).boxed(),
        citations,
        citing: Citing::Referred,
        low_confidence,
        answerer: answerer.to_owned(),
    }
}

fn by_extract(question: &Question<'_>, retrieved: &Retrieved) -> Answer {
    let (text, citations, low_confidence) = extract(question, retrieved);
    ready(text, citations, low_confidence, "extractive")
}

fn extract(question: &Question<'_>, retrieved: &Retrieved) -> (String, Vec<Citation>, bool) {
    if let Some(reply) = phrases::nod(question.turn.question.expose(), question.agent) {
        return (reply.to_owned(), Vec::new(), false);
    }
    match extractive::compose(retrieved) {
        Some(composed) => (composed.text, composed.citations, retrieved.is_unsure()),
        None => (
            phrases::unknown(&question.agent.language_default).to_owned(),
            Vec::new(),
            true,
        ),
    }
}

/// The model's answer; when it fails before its first token, the extractive one.
fn by_model(model: &Model, question: &Question<'_>, retrieved: &Retrieved) -> Answer {
    let instead = fallback(question, retrieved);
    let messages = prompt::messages(question, retrieved);
    let mut checked = Checked::given(&messages, &retrieved.passages);
    let mut said = model.say(&messages);
    let pieces = async_stream::stream! {
        let mut is_speaking = false;
        while let Some(piece) = said.next().await {
            match piece {
                Ok(Piece::Token(token)) => {
                    let token = checked.push(&token);
                    if !token.is_empty() {
                        is_speaking = true;
                        yield Ok(Piece::Token(token));
                    }
                }
                Err(error) if !is_speaking => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the model failed, the answer is extractive");
                    for piece in instead {
                        yield Ok(piece);
                    }
                    return;
                }
                piece => yield piece.map_err(AnswerError),
            }
        }
        let rest = checked.finish();
        if !rest.is_empty() {
            yield Ok(Piece::Token(rest));
        } else if !is_speaking {
            tracing::warn!("the model said nothing that can be said on, the answer is extractive");
            for piece in instead {
                yield Ok(piece);
            }
        }
    };
    let passages = retrieved.passages.iter();
    let citations = passages.zip(1..).map(|(passage, id)| citation(passage, id)).collect();
    Answer {
        pieces: pieces.boxed(),
        citations,
        citing: Citing::Referred,
        low_confidence: retrieved.is_unsure(),
        answerer: model.name().to_owned(),
    }
}

/// What is said when the model says nothing.
fn fallback(question: &Question<'_>, retrieved: &Retrieved) -> Vec<Piece> {
    let (text, citations, low_confidence) = extract(question, retrieved);
    let fell_back = Piece::FellBack {
        answerer: "extractive".to_owned(),
        low_confidence,
        citations,
    };
    std::iter::once(fell_back).chain(words(&text)).collect()
}

/// A citation always comes from our own passages, never from a model's text.
fn citation(passage: &Passage, id: u32) -> Citation {
    let plain = plain_text(&passage.content);
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

/// Word by word, each with the space after it; joined they are the text again.
fn words(text: &str) -> impl Iterator<Item = Piece> {
    let starts = text.char_indices().zip(text.chars().skip(1));
    let mut cuts: Vec<usize> = starts
        .filter(|((_, char), next)| char.is_whitespace() && !next.is_whitespace())
        .map(|((at, char), _)| at + char.len_utf8())
        .collect();
    cuts.push(text.len());
    cuts.into_iter()
        .scan(0, move |start, end| {
            let word = &text[*start..end];
            *start = end;
            Some(Piece::Token(word.to_owned()))
        })
        .filter(|piece| *piece != Piece::Token(String::new()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_keeps_the_space_after_it() {
        let tokens: Vec<String> = said("Thirty days. [1]\n\nFree, too. ");
        assert_eq!(tokens, ["Thirty ", "days. ", "[1]\n\n", "Free, ", "too. "]);
        assert!(said("").is_empty());
    }

    proptest! {
        #[test]
        fn words_joined_are_the_text(text in "[a-zé \\n\\t。\u{a0}]{0,200}|\\PC{0,200}") {
            prop_assert_eq!(said(&text).concat(), text);
        }
    }

    fn said(text: &str) -> Vec<String> {
        let token = |piece| match piece {
            Piece::Token(token) => token,
            other => panic!("not a token: {other:?}"),
        };
        words(text).map(token).collect()
    }
}
