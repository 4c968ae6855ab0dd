//! The conversations that a batch goes on from.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::fold::Conversation;

const LOAD: &str = include_str!("load.sql");

/// The rows of those of `ids` that exist.
pub(super) async fn conversations(
    connection: &mut PgConnection,
    ids: impl Iterator<Item = &String>,
) -> sqlx::Result<BTreeMap<String, Conversation>> {
    let ids: Vec<&String> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let rows = sqlx::query(LOAD).bind(ids).fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("conversation_id")?, conversation(row)?)))
        .collect()
}

fn conversation(row: &PgRow) -> sqlx::Result<Conversation> {
    Ok(Conversation {
        agent_id: row.try_get("agent_id")?,
        workspace_id: row.try_get("workspace_id")?,
        visitor_id: row.try_get("visitor_id")?,
        partition: row.try_get("partition")?,
        started_at: row.try_get("started_at")?,
        last_message_at: row.try_get("last_message_at")?,
        claimed_by: row.try_get("claimed_by")?,
        claimed_by_id: row.try_get("claimed_by_id")?,
        human_requested: row.try_get("human_requested")?,
        closed: row.try_get("closed")?,
        message_count: row.try_get("message_count")?,
        low_confidence_count: row.try_get("low_confidence_count")?,
        answered: row.try_get("answered")?,
        handed_over: row.try_get("handed_over")?,
        satisfaction: row.try_get("satisfaction")?,
        page_url: row.try_get("page_url")?,
        locale: row.try_get("locale")?,
        preview: row.try_get("preview")?,
        open_message_id: row.try_get("open_message_id")?,
        open_answer_id: row.try_get("open_answer_id")?,
    })
}
