//! What a question finds, without a conversation: for measuring retrieval against a set of questions.

use std::time::Duration;

use events::AgentId;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    config::EmbeddingConfig,
    embed::{Client, Questions},
    retrieve::{self, Asked},
};

const ACTIVE: &str = "SELECT model FROM read.embedding_model";

const PAGES: &str = "SELECT url FROM read.documents WHERE agent_id = $1 ORDER BY url";

/// Looks questions up in agents' pages.
pub struct Lookups {
    pool: PgPool,
    questions: Questions,
}

/// What one question found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The pages of the passages that an answer may stand on, best first, each once.
    pub pages: Vec<String>,
    /// Whether an answer would carry `low_confidence`.
    pub low_confidence: bool,
    /// How long the database took; the question's vector is not in it.
    pub searched_for: Duration,
}

/// Questions cannot be looked up.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LookupError(#[from] Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("the agent's passages cannot be read")]
    Retrieve(#[from] retrieve::RetrieveError),
    #[error("the agent's pages cannot be read")]
    Pages(#[source] sqlx::Error),
    #[error("the database does not say which model the passages were embedded with")]
    Model(#[from] sqlx::Error),
    #[error("the embedding model's client cannot be made")]
    Client(#[from] reqwest::Error),
}

impl Lookups {
    /// Look-ups by the model that the passages were embedded with, through the endpoint of `config`.
    ///
    /// # Errors
    /// Postgres is away, or refuses.
    pub async fn new(pool: PgPool, config: &EmbeddingConfig) -> Result<Self, LookupError> {
        let active: Option<String> = sqlx::query_scalar(ACTIVE)
            .fetch_optional(&pool)
            .await
            .map_err(Cause::from)?;
        let client = Client::new(config).map_err(Cause::from)?;
        let (_, active) = watch::channel(active.map(Into::into));
        Ok(Self {
            pool,
            questions: Questions::new(client, active, config),
        })
    }

    /// The addresses of all the agent's pages.
    ///
    /// # Errors
    /// Postgres is away, or refuses.
    pub async fn pages(&self, agent_id: AgentId) -> Result<Vec<String>, LookupError> {
        let pages = sqlx::query_scalar(PAGES)
            .bind(agent_id.to_string())
            .fetch_all(&self.pool)
            .await;
        Ok(pages.map_err(Cause::Pages)?)
    }

    /// Looks `question` up in the agent's pages, exactly as for a visitor who asks it first.
    ///
    /// # Errors
    /// Postgres is away, or refuses.
    pub async fn find(&self, agent_id: AgentId, question: &str) -> Result<Lookup, LookupError> {
        let asked = Asked {
            agent_id,
            question,
            before: None,
            page_url: None,
        };
        let retrieved = retrieve::passages(&self.pool, &self.questions, asked)
            .await
            .map_err(Cause::from)?;
        let mut pages: Vec<String> = Vec::new();
        for passage in &retrieved.passages {
            if !pages.contains(&passage.url) {
                pages.push(passage.url.clone());
            }
        }
        Ok(Lookup {
            pages,
            low_confidence: retrieved.is_unsure(),
            searched_for: retrieved.searched_for,
        })
    }
}
