//! One look-up: one statement on one connection.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};

use super::{Asked, RetrieveError};
use crate::embed::Embedded;

const HYBRID: &str = concat!(include_str!("asked.sql"), include_str!("hybrid.sql"));
const WORDS: &str = concat!(include_str!("asked.sql"), include_str!("words.sql"));

/// Passages that may be worth reading, in no order.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) passages: Vec<Candidate>,
    /// The question's words as Postgres indexes them, with their weight.
    pub(super) lexemes: HashMap<String, f64>,
    /// Whether one of them is in no passage, nor anything like it.
    pub(super) has_unknown: bool,
}

/// A passage and what speaks for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) heading: String,
    pub(super) anchor: String,
    pub(super) content: String,
    /// How close it is in meaning, -1 to 1; none when it has no vector, or the question has none.
    pub(super) cosine: Option<f64>,
    /// The share of the question's weight that it covers, 0 to 1.
    pub(super) coverage: f64,
    /// Its rank by words: how often it says them and where (title, headings, body).
    pub(super) words: f64,
}

/// Looks by meaning and words; by words alone when the question has no vector, or one that does not fit the passages'.
pub(super) async fn find(
    pool: &PgPool,
    asked: &Asked<'_>,
    embedded: Option<&Embedded>,
) -> Result<Candidates, RetrieveError> {
    let mut connection = pool.acquire().await?;
    if let Some(embedded) = embedded {
        match by_meaning(&mut connection, asked, embedded).await {
            Err(error) if error.as_database_error().is_some() => {
                let error = RetrieveError::from(error);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a question's vector does not fit: words alone"
                );
            }
            found => return Ok(found?),
        }
    }
    let rows = sqlx::query(WORDS)
        .bind(asked.agent_id.to_string())
        .bind(asked.question)
        .fetch_all(&mut *connection)
        .await?;
    Ok(candidates(&rows)?)
}

async fn by_meaning(connection: &mut PgConnection, asked: &Asked<'_>, embedded: &Embedded) -> sqlx::Result<Candidates> {
    let rows = sqlx::query(HYBRID)
        .bind(asked.agent_id.to_string())
        .bind(asked.question)
        .bind(&*embedded.model)
        .bind(&*embedded.vector)
        .fetch_all(connection)
        .await?;
    candidates(&rows)
}

fn candidates(rows: &[PgRow]) -> sqlx::Result<Candidates> {
    let Some(first) = rows.first() else {
        return Ok(Candidates::default());
    };
    let (lexemes, weights): (Option<Vec<String>>, Option<Vec<f64>>) =
        (first.try_get("lexemes")?, first.try_get("weights")?);
    Ok(Candidates {
        passages: rows.iter().map(candidate).collect::<sqlx::Result<_>>()?,
        lexemes: lexemes
            .unwrap_or_default()
            .into_iter()
            .zip(weights.unwrap_or_default())
            .collect(),
        has_unknown: first.try_get("has_unknown")?,
    })
}

fn candidate(row: &PgRow) -> sqlx::Result<Candidate> {
    Ok(Candidate {
        url: row.try_get("url")?,
        title: row.try_get("title")?,
        heading: row.try_get("heading")?,
        anchor: row.try_get("anchor")?,
        content: row.try_get("content")?,
        cosine: row.try_get("cosine")?,
        coverage: row.try_get("coverage")?,
        words: row.try_get("words")?,
    })
}
