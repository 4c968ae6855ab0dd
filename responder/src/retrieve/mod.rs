//! The passages that may answer a question: those that are close to it in meaning, and those that say its words (`find`), put
//! in one order (`rank`).
//!
//! A short question that refers to what was said ("and how long does that take?"), or to which nothing was found, is looked up
//! once more together with the one before, and what fits better is taken. One with a word that the site does not know is about
//! something else, unless it refers to what was said.

mod find;
mod rank;

use std::{collections::HashMap, time::Duration};

use backon::{ConstantBuilder, Retryable as _};
use events::AgentId;
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::Instant};

use crate::embed::{Embedded, Questions};

/// The visitor waits: a database that is away longer than this fails the turn.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Look-ups of one process at a time, fewer than it has connections. Of a thousand turns that begin at once most would wait for
/// a connection until their patience ends, as if the database were away.
static PLACES: Semaphore = Semaphore::const_new(16);

/// A question with no more words than this, of which no more carry a meaning, may lean on the one before.
const LEANING_WORDS: usize = 7;
const LEANING_LEXEMES: usize = 2;

/// Words by which a question goes on from what was said, in the languages that small talk is made in.
const REFERRING: [&str; 30] = [
    "and", "also", "it", "its", "one", "ones", "that", "then", "there", "these", "they", "them", "this",
    "those", // English
    "und", "auch", "dann", "das", "dies", "dort", "es", // German
    "et", "aussi", "ça", "cela", "y", // French, Spanish
    "eso", "esto", "también", "entonces",
];

/// Fewer passages than this that can be trusted, and the answer says that it is not sure.
const CONFIDENT_PASSAGES: usize = 2;

/// What is asked, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) agent_id: AgentId,
    pub(crate) question: &'a str,
    /// What the visitor asked before.
    pub(crate) before: Option<&'a str>,
    /// The page that the visitor is on.
    pub(crate) page_url: Option<&'a str>,
}

/// What was found for one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retrieved {
    /// Best first.
    pub(crate) passages: Vec<Passage>,
    /// The question's words as Postgres indexes them, with their weight.
    pub(crate) lexemes: HashMap<String, f64>,
    /// Whether one of them is in no passage, nor anything like it.
    pub(crate) has_unknown: bool,
    /// How long the database took.
    pub(crate) searched_for: Duration,
}

/// A piece of one of the agent's pages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passage {
    pub(crate) url: String,
    pub(crate) title: String,
    /// The headings above it, outermost first, joined by ` > `.
    pub(crate) heading: String,
    /// Of the last heading; empty for the top of the page.
    pub(crate) anchor: String,
    /// Markdown.
    pub(crate) content: String,
    /// How close it is in meaning, or else which share of the question it covers: to be compared with others of its question.
    pub(crate) relevance: f64,
    /// Whether an answer may rely on it.
    pub(crate) is_confident: bool,
}

/// Why no passages were read. What Postgres says in full may quote the question, so only its code is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetrieveError {
    #[error("the database cannot be reached")]
    Away(#[source] sqlx::Error),
    #[error("the database refused the query with SQLSTATE {0}")]
    Refused(String),
    #[error("the database did not answer in time")]
    Slow,
}

impl From<sqlx::Error> for RetrieveError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(refusal) => Self::Refused(refusal.code().unwrap_or_default().into_owned()),
            None => Self::Away(error),
        }
    }
}

impl Passage {
    /// The page, opened at the passage.
    pub(crate) fn link(&self) -> String {
        if self.anchor.is_empty() {
            self.url.clone()
        } else {
            format!("{}#{}", self.url, self.anchor)
        }
    }
}

impl Retrieved {
    /// Whether an answer from this says that it is not sure.
    pub(crate) fn is_unsure(&self) -> bool {
        self.passages.iter().filter(|passage| passage.is_confident).count() < CONFIDENT_PASSAGES
    }

    /// Whether nothing was found that an answer may rely on.
    fn finds_nothing(&self) -> bool {
        !self.passages.iter().any(|passage| passage.is_confident)
    }

    /// How well the passage fits that fits best.
    fn best(&self) -> f64 {
        self.passages
            .iter()
            .map(|passage| passage.relevance)
            .fold(0.0, f64::max)
    }
}

impl Asked<'_> {
    /// The question together with the one before, if it hardly stands by itself.
    fn with_before(&self, found: &Retrieved) -> Option<String> {
        let before = self.before?;
        let refers = |word: &str| REFERRING.contains(&word.trim_matches(|char: char| !char.is_alphanumeric()));
        let refers = self.question.to_lowercase().split_whitespace().any(refers);
        let is_short =
            found.lexemes.len() <= LEANING_LEXEMES && self.question.split_whitespace().count() <= LEANING_WORDS;
        let leans = is_short && (refers || (found.finds_nothing() && !found.has_unknown));
        leans.then(|| format!("{before}\n{}", self.question))
    }
}

/// The passages of the agent's pages for what is asked.
///
/// # Errors
/// Postgres is away or refuses.
pub(crate) async fn passages(
    pool: &PgPool,
    questions: &Questions,
    asked: Asked<'_>,
) -> Result<Retrieved, RetrieveError> {
    let alone = look_up(pool, questions, &asked, false).await?;
    let Some(together) = asked.with_before(&alone) else {
        return Ok(alone);
    };
    let question = together.as_str();
    let together = look_up(pool, questions, &Asked { question, ..asked }, true).await?;
    let is_better = alone.is_unsure() || together.best() > alone.best();
    Ok(if is_better && !together.is_unsure() {
        together
    } else {
        alone
    })
}

/// One look-up. What goes on from the question before (`is_joined`) may do so in words that no page has.
async fn look_up(
    pool: &PgPool,
    questions: &Questions,
    asked: &Asked<'_>,
    is_joined: bool,
) -> Result<Retrieved, RetrieveError> {
    let embedded = questions.embed(asked.question).await;
    // It is never closed.
    let _place = PLACES.acquire().await;
    let started = Instant::now();
    let mut candidates = find_patiently(pool, asked, embedded.as_ref()).await?;
    candidates.has_unknown &= !is_joined;
    let confident = questions.confident_cosine();
    let searched_for = started.elapsed();
    Ok(Retrieved {
        lexemes: std::mem::take(&mut candidates.lexemes),
        has_unknown: candidates.has_unknown,
        passages: rank::best(candidates, asked.page_url, confident),
        searched_for,
    })
}

/// Asked again for two seconds while Postgres is away.
async fn find_patiently(
    pool: &PgPool,
    asked: &Asked<'_>,
    embedded: Option<&Embedded>,
) -> Result<find::Candidates, RetrieveError> {
    let deadline = Instant::now() + PATIENCE;
    let again = ConstantBuilder::default()
        .with_delay(RETRY_PAUSE)
        .with_max_times(usize::MAX);
    let found = (|| find::find(pool, asked, embedded))
        .retry(again)
        .when(|_| deadline > Instant::now() + RETRY_PAUSE);
    tokio::time::timeout_at(deadline, found)
        .await
        .unwrap_or(Err(RetrieveError::Slow))
}

#[cfg(test)]
impl Passage {
    /// A passage that is trusted from a relevance of 0.5 on.
    pub(crate) fn example(url: &str, heading: &str, content: &str, relevance: f64) -> Self {
        Self {
            url: url.to_owned(),
            title: "A page".to_owned(),
            heading: heading.to_owned(),
            anchor: heading.to_lowercase().replace(' ', "-"),
            content: content.to_owned(),
            relevance,
            is_confident: relevance >= 0.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_says_little_leans_on_the_one_before() {
        let asked = |question| Asked {
            agent_id: AgentId::generate(),
            question,
            before: Some("Do you take returns?"),
            page_url: None,
        };
        let found = |lexemes: &[&str]| Retrieved {
            lexemes: lexemes.iter().map(|lexeme| ((*lexeme).to_owned(), 1.0)).collect(),
            ..Retrieved::default()
        };
        let short = asked("And how long does that take?");
        let expected = Some("Do you take returns?\nAnd how long does that take?".to_owned());
        assert_eq!(short.with_before(&found(&["long", "take"])), expected);
        let elsewhere = Retrieved {
            has_unknown: true,
            ..found(&["tell", "joke"])
        };
        assert_eq!(asked("Tell me a joke").with_before(&elsewhere), None);
        assert!(asked("And to Sweden?").with_before(&elsewhere).is_some());
        let whole = asked("Who won the world cup in 1998?");
        assert_eq!(whole.with_before(&found(&["won", "world", "cup", "1998"])), None);
        let first = Asked { before: None, ..short };
        assert_eq!(first.with_before(&found(&["long"])), None);
    }
}
