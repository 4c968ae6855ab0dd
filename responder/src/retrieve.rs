//! The passages that may answer a question: full text in Postgres, ranked by how much of the question they say, and where.
//!
//! A word that few passages have tells more than one that all have, and a word of the question that no passage has tells
//! most: a passage is confident when it covers at least half of the question's weight.

use std::{collections::HashMap, time::Duration};

use backon::{ConstantBuilder, Retryable as _};
use events::AgentId;
use sqlx::{PgPool, Row as _, postgres::PgRow};
use tokio::time::Instant;

const LEXEMES: &str = include_str!("retrieve_lexemes.sql");
const CANDIDATES: &str = include_str!("retrieve_candidates.sql");

/// The visitor waits: a database that is away longer than this fails the turn.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Passages that an answer may stand on.
const PASSAGES_MAX: usize = 6;
const PASSAGES_PER_PAGE: usize = 2;

/// The share of the question's weight that a passage must cover to be trusted.
const CONFIDENT_COVERAGE: f64 = 0.5;

/// Passages below this share are not worth reading.
const USEFUL_COVERAGE: f64 = 0.25;

/// What was found for one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retrieved {
    /// Best first.
    pub(crate) passages: Vec<Passage>,
    /// The question's words as Postgres indexes them, with their weight.
    pub(crate) lexemes: HashMap<String, f64>,
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
    /// The share of the question's weight that it covers, 0 to 1.
    pub(crate) coverage: f64,
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
    pub(crate) fn is_confident(&self) -> bool {
        self.coverage >= CONFIDENT_COVERAGE
    }

    /// The page, opened at the passage.
    pub(crate) fn link(&self) -> String {
        if self.anchor.is_empty() {
            self.url.clone()
        } else {
            format!("{}#{}", self.url, self.anchor)
        }
    }
}

/// The passages of `agent_id`'s documents for `question`; asked again for two seconds while Postgres is away.
pub(crate) async fn passages(pool: &PgPool, agent_id: AgentId, question: &str) -> Result<Retrieved, RetrieveError> {
    let deadline = Instant::now() + PATIENCE;
    let again = ConstantBuilder::default()
        .with_delay(RETRY_PAUSE)
        .with_max_times(usize::MAX);
    let found = (|| find(pool, agent_id, question))
        .retry(again)
        .when(|_| deadline > Instant::now() + RETRY_PAUSE);
    tokio::time::timeout_at(deadline, found)
        .await
        .unwrap_or(Err(RetrieveError::Slow))
}

async fn find(pool: &PgPool, agent_id: AgentId, question: &str) -> Result<Retrieved, RetrieveError> {
    let agent = agent_id.to_string();
    let rows = sqlx::query(LEXEMES).bind(&agent).bind(question).fetch_all(pool).await?;
    let lexemes = rows
        .iter()
        .map(weighed)
        .collect::<sqlx::Result<HashMap<String, f64>>>()?;
    if lexemes.is_empty() {
        return Ok(Retrieved::default());
    }
    let (words, weights): (Vec<&str>, Vec<f64>) = lexemes.iter().map(|(word, weight)| (word.as_str(), *weight)).unzip();
    let rows = sqlx::query(CANDIDATES)
        .bind(&agent)
        .bind(words)
        .bind(weights)
        .fetch_all(pool)
        .await?;
    let candidates = rows.iter().map(passage).collect::<sqlx::Result<Vec<Passage>>>()?;
    Ok(Retrieved {
        passages: best(candidates),
        lexemes,
    })
}

fn weighed(row: &PgRow) -> sqlx::Result<(String, f64)> {
    let (with, all): (f64, f64) = (row.try_get("chunks")?, row.try_get("total")?);
    Ok((row.try_get("lexeme")?, weight(with, all)))
}

/// How much a word tells: the fewer of the passages have it, the more.
fn weight(with: f64, all: f64) -> f64 {
    ((all + 1.0) / (with + 0.5)).ln().max(0.1)
}

fn passage(row: &PgRow) -> sqlx::Result<Passage> {
    Ok(Passage {
        url: row.try_get("url")?,
        title: row.try_get("title")?,
        heading: row.try_get("heading")?,
        anchor: row.try_get("anchor")?,
        content: row.try_get("content")?,
        coverage: row.try_get("coverage")?,
    })
}

/// The useful ones of `candidates`, which come best first, and not all from one page.
fn best(mut candidates: Vec<Passage>) -> Vec<Passage> {
    candidates.retain(|passage| passage.coverage >= USEFUL_COVERAGE);
    let mut per_page: HashMap<String, usize> = HashMap::new();
    candidates.retain(|passage| {
        let taken = per_page.entry(passage.url.clone()).or_default();
        *taken += 1;
        *taken <= PASSAGES_PER_PAGE
    });
    candidates.truncate(PASSAGES_MAX);
    candidates
}

#[cfg(test)]
impl Passage {
    pub(crate) fn example(url: &str, heading: &str, content: &str, coverage: f64) -> Self {
        Self {
            url: url.to_owned(),
            title: "A page".to_owned(),
            heading: heading.to_owned(),
            anchor: heading.to_lowercase().replace(' ', "-"),
            content: content.to_owned(),
            coverage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_word_tells_more_than_a_common_one() {
        assert!(weight(1.0, 100.0) > weight(50.0, 100.0));
        assert!(
            weight(0.0, 100.0) > weight(1.0, 100.0),
            "a word that no passage has tells most"
        );
        assert!(weight(100.0, 100.0) > 0.0);
    }

    #[test]
    fn one_page_does_not_take_all_places() {
        let mut candidates: Vec<Passage> = (0..5).map(|_| Passage::example("/a", "", "x", 0.9)).collect();
        candidates.push(Passage::example("/b", "", "y", 0.6));
        candidates.push(Passage::example("/c", "", "z", 0.1));
        let urls: Vec<String> = best(candidates).into_iter().map(|passage| passage.url).collect();
        assert_eq!(urls, ["/a", "/a", "/b"]);
    }
}
