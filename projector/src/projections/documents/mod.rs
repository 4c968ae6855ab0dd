//! The agents' knowledge: pages, cut into passages (`chunk`) that the database can search in the agent's language.
//!
//! Everything here is in CONTROL, so one order rules. A passage's language is its agent's of now: when an agent changes it,
//! its passages are indexed again.

mod chunk;
mod language;
mod store;

use std::collections::BTreeMap;

use events::{Category, LogEvent, Recorded, Subject, agent::AgentEvent, document::DocumentEvent};
use sqlx::PgConnection;
use time::OffsetDateTime;

use self::chunk::Chunk;
use super::stored;
use crate::Projection;

/// Pages that are cut before they are written: cutting takes long where pages are, and a transaction that waits for it is
/// taken for one that was left.
const PAGES_AT_ONCE: usize = 32;

/// The projection `documents`.
#[derive(Debug)]
pub struct Documents;

impl Projection for Documents {
    const NAME: &'static str = "documents";
    const VERSION: u32 = 2;
    const CATEGORIES: &'static [Category] = &[Category::Agent, Category::Document];
    const EXPOSES: &'static [&'static str] = &["documents", "document_chunks", "document_words"];
    const SCHEMA: &'static str = include_str!("../../../../migrations/documents/v2.sql");

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        for pages in batch.chunks(PAGES_AT_ONCE) {
            let fold = Fold::of(pages);
            store::agents(connection, &fold.agents).await?;
            store::documents(connection, &fold.documents).await?;
            store::relabel(connection, &fold.agents).await?;
        }
        Ok(())
    }
}

/// What a batch comes to: of each agent and each page the last word.
#[derive(Debug, Default)]
struct Fold {
    agents: BTreeMap<String, Agent>,
    /// By agent and document; none is a page that was removed.
    documents: BTreeMap<(String, String), Option<Page>>,
}

/// One row of `agents`.
#[derive(Debug)]
struct Agent {
    workspace_id: String,
    language: &'static str,
}

/// One row of `documents`, with its passages.
#[derive(Debug)]
struct Page {
    workspace_id: String,
    url: String,
    title: String,
    updated_at: OffsetDateTime,
    chunks: Vec<Chunk>,
}

impl Fold {
    fn of(batch: &[Recorded]) -> Self {
        let mut fold = Self::default();
        for recorded in batch {
            fold.on(recorded);
        }
        fold
    }

    fn on(&mut self, recorded: &Recorded) {
        match (&recorded.event, &recorded.subject) {
            (LogEvent::Agent(AgentEvent::Defined { definition, .. }), Subject::Agent { agent_id }) => {
                let agent = Agent {
                    workspace_id: definition.workspace_id.to_string(),
                    language: language::configuration(&definition.language_default),
                };
                self.agents.insert(agent_id.to_string(), agent);
            }
            (LogEvent::Document(event), Subject::Document { agent_id, document_id }) => {
                let page = match event {
                    DocumentEvent::Put {
                        url, title, text, at, ..
                    } => Some(Page {
                        workspace_id: stored::workspace_id(recorded),
                        url: stored::text(url),
                        title: stored::text(title),
                        updated_at: at.to_offset_date_time(),
                        chunks: chunk::chunks(title, &stored::text(text)),
                    }),
                    DocumentEvent::Removed { .. } => None,
                };
                self.documents
                    .insert((agent_id.to_string(), document_id.to_string()), page);
            }
            _ => {}
        }
    }
}
