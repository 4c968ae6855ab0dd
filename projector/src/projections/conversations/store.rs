//! Writing a folded batch back: a handful of statements, however many events there were.

use sqlx::PgConnection;

use super::fold::{Conversation, Fold, Message};

const UPSERT_CONVERSATIONS: &str = include_str!("upsert_conversations.sql");
const INSERT_MESSAGES: &str = include_str!("insert_messages.sql");
const END_TURNS: &str = "UPDATE messages AS m SET status = o.status, failure_code = o.failure_code
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS o (conversation_id, message_id, status, failure_code)
    WHERE m.conversation_id = o.conversation_id AND m.message_id = o.message_id";
/// A verdict means a message that was written before it.
const RATE: &str = "UPDATE messages AS m SET rating = r.rating
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS r (conversation_id, message_id, rating, sequence)
    WHERE m.conversation_id = r.conversation_id AND m.message_id = r.message_id AND m.sequence < r.sequence";
const CLEAR: &str = "UPDATE messages AS m SET cleared = true
    FROM unnest($1::text[], $2::bigint[]) AS c (conversation_id, sequence)
    WHERE m.conversation_id = c.conversation_id AND m.sequence < c.sequence AND NOT m.cleared";

/// Writes everything that `fold` changed.
pub(super) async fn all(connection: &mut PgConnection, fold: &Fold) -> sqlx::Result<()> {
    upsert_conversations(connection, fold).await?;
    if !fold.messages.is_empty() {
        insert_messages(connection, fold).await?;
    }
    if !fold.outcomes.is_empty() {
        let (conversations, messages): (Vec<_>, Vec<_>) = fold.outcomes.keys().cloned().unzip();
        sqlx::query(END_TURNS)
            .bind(conversations)
            .bind(messages)
            .bind(fold.outcomes.values().map(|outcome| outcome.status).collect::<Vec<_>>())
            .bind(
                fold.outcomes
                    .values()
                    .map(|outcome| outcome.failure_code.as_deref())
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *connection)
            .await?;
    }
    if !fold.ratings.is_empty() {
        let (conversations, messages): (Vec<_>, Vec<_>) = fold.ratings.keys().cloned().unzip();
        sqlx::query(RATE)
            .bind(conversations)
            .bind(messages)
            .bind(fold.ratings.values().map(|verdict| verdict.rating).collect::<Vec<_>>())
            .bind(
                fold.ratings
                    .values()
                    .map(|verdict| verdict.sequence)
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *connection)
            .await?;
    }
    if !fold.cleared.is_empty() {
        sqlx::query(CLEAR)
            .bind(fold.cleared.keys().cloned().collect::<Vec<_>>())
            .bind(fold.cleared.values().copied().collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn upsert_conversations(connection: &mut PgConnection, fold: &Fold) -> sqlx::Result<()> {
    let rows = &fold.conversations;
    let texts = |text: fn(&Conversation) -> &String| rows.values().map(|row| text(row).as_str()).collect::<Vec<_>>();
    let optional =
        |text: fn(&Conversation) -> &Option<String>| rows.values().map(|row| text(row).as_deref()).collect::<Vec<_>>();
    let state = |row: &Conversation| match row {
        Conversation { closed: true, .. } => "closed",
        Conversation {
            claimed_by: Some(_), ..
        } => "claimed",
        _ => "open",
    };
    sqlx::query(UPSERT_CONVERSATIONS)
        .bind(rows.keys().cloned().collect::<Vec<_>>())
        .bind(texts(|row| &row.agent_id))
        .bind(texts(|row| &row.workspace_id))
        .bind(texts(|row| &row.visitor_id))
        .bind(rows.values().map(|row| row.partition).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.started_at).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.last_message_at).collect::<Vec<_>>())
        .bind(rows.values().map(state).collect::<Vec<_>>())
        .bind(optional(|row| &row.claimed_by))
        .bind(optional(|row| &row.claimed_by_id))
        .bind(rows.values().map(|row| row.human_requested).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.closed).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.message_count).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.low_confidence_count).collect::<Vec<_>>())
        .bind(optional(|row| &row.satisfaction))
        .bind(optional(|row| &row.page_url))
        .bind(optional(|row| &row.locale))
        .bind(optional(|row| &row.preview))
        .bind(optional(|row| &row.open_message_id))
        .bind(optional(|row| &row.open_answer_id))
        .bind(rows.values().map(|row| row.answered).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.handed_over).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_messages(connection: &mut PgConnection, fold: &Fold) -> sqlx::Result<()> {
    let rows = &fold.messages;
    let (conversations, messages): (Vec<_>, Vec<_>) = rows.keys().cloned().unzip();
    let optional = |text: fn(&Message) -> Option<&str>| rows.values().map(text).collect::<Vec<_>>();
    sqlx::query(INSERT_MESSAGES)
        .bind(conversations)
        .bind(messages)
        .bind(rows.values().map(|row| row.role).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.content.as_str()).collect::<Vec<_>>())
        .bind(rows.values().map(|row| &row.citations).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.low_confidence).collect::<Vec<_>>())
        .bind(optional(|row| row.finish_reason))
        .bind(optional(|row| row.author.as_deref()))
        .bind(optional(|row| row.answerer.as_deref()))
        .bind(optional(|row| row.page_url.as_deref()))
        .bind(rows.values().map(|row| row.created_at).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.status).collect::<Vec<_>>())
        .bind(optional(|row| row.answer_to.as_deref()))
        .bind(rows.values().map(|row| row.first_token_ms).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.partition).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.sequence).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
