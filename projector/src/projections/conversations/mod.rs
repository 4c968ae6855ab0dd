//! Conversations and their messages. One projection owns both tables, so that a list and what it opens never disagree.
//!
//! A batch loads the conversations that it touches (`rows`), folds its events in order in memory (`fold`), and writes back
//! what changed: where a batch ends cannot matter, since a fold goes on from what the one before stored.

mod fold;
mod load;
mod store;

use events::{Category, Recorded};
use sqlx::PgConnection;

use self::fold::Fold;
use super::forgotten::Forgotten;
use crate::Projection;

/// The projection `conversations`.
#[derive(Debug)]
pub struct Conversations;

/// The conversations of a visitor, and with them all that was written in them.
const FORGET: &str = "WITH gone AS (
        DELETE FROM conversations AS c USING unnest($1::text[], $2::text[]) AS f (agent_id, visitor_id)
        WHERE c.agent_id = f.agent_id AND c.visitor_id = f.visitor_id
        RETURNING c.conversation_id
    )
    DELETE FROM messages AS m USING gone WHERE m.conversation_id = gone.conversation_id";

impl Projection for Conversations {
    const NAME: &'static str = "conversations";
    const VERSION: u32 = 2;
    const CATEGORIES: &'static [Category] = &[Category::Visitor, Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["conversations", "messages"];
    const SCHEMA: &'static str = include_str!("../../../../migrations/conversations/v2.sql");

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let forgotten = Forgotten::within(batch);
        if !forgotten.is_empty() {
            let (agents, visitors) = forgotten.columns();
            sqlx::query(FORGET)
                .bind(agents)
                .bind(visitors)
                .execute(&mut *connection)
                .await?;
        }
        let events: Vec<(String, &Recorded)> = forgotten
            .surviving(batch)
            .filter_map(|recorded| Some((fold::conversation_of(recorded)?.to_string(), recorded)))
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        let mut fold = Fold::new(load::conversations(connection, events.iter().map(|(id, _)| id)).await?);
        for (conversation_id, recorded) in events {
            fold.on(&conversation_id, recorded);
        }
        store::all(connection, &fold).await
    }
}
