//! What a question finds, without a conversation: for measuring retrieval against a set of questions.

use events::AgentId;
use sqlx::PgPool;

use crate::{answer, retrieve};

/// What one question found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The pages of the passages that an answer may stand on, best first, each once.
    pub pages: Vec<String>,
    /// Whether an answer would carry `low_confidence`.
    pub low_confidence: bool,
}

/// The passages could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the agent's passages cannot be read")]
pub struct LookupError(#[from] retrieve::RetrieveError);

/// Looks `question` up in the agent's pages, exactly as for a visitor who asks it first.
///
/// # Errors
/// Postgres is away, or refuses.
pub async fn lookup(pool: &PgPool, agent_id: AgentId, question: &str) -> Result<Lookup, LookupError> {
    let retrieved = retrieve::passages(pool, agent_id, question).await?;
    let mut pages: Vec<String> = Vec::new();
    for passage in &retrieved.passages {
        if !pages.contains(&passage.url) {
            pages.push(passage.url.clone());
        }
    }
    Ok(Lookup {
        pages,
        low_confidence: answer::is_unsure(&retrieved),
    })
}
