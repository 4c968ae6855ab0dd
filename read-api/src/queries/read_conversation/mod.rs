//! `GET /api/v1/conversations/{conversation_id}`, as it is or as it was.

mod as_of;
mod fold;

use axum::extract::State;
use edge::{
    Data,
    extract::{Path, Query},
};
use events::{ConversationId, Timestamp, WorkspaceId, agent::AgentDefinition};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow};

use super::{
    list_conversations::{self, ConversationRow},
    time,
};
use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const CONVERSATION: &str = "SELECT conversation_id, agent_id, workspace_id, visitor_id, state, claimed_by, claimed_by_id, human_requested, \
    message_count, low_confidence_count, satisfaction, page_url, locale, preview, started_at, \
    last_message_at \
    FROM read.conversations WHERE conversation_id = $1";

const MESSAGES: &str = "SELECT message_id, role, content, citations, low_confidence, finish_reason, rating, author, \
    page_url, created_at, cleared, status, failure_code, first_token_ms \
    FROM read.messages WHERE conversation_id = $1 AND workspace_id = $2 ORDER BY created_at, sequence LIMIT $3";

/// Messages of one answer.
const MESSAGES_MAX: usize = 2_000;

/// When.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct When {
    /// The conversation as it was at this time (RFC 3339), or when the log held this `position` and nothing after it
    at: Option<String>,
}

/// A conversation with everything that was written in it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConversationView {
    #[serde(flatten)]
    conversation: ConversationRow,
    /// Oldest first, with those that the visitor cleared away.
    messages: Vec<MessageRow>,
    /// With `at`
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<AsOf>,
}

/// What else was then.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AsOf {
    /// The conversation's last event until then
    position: String,
    /// The agent's definition then
    agent: Option<Box<AgentDefinition>>,
}

/// A message as the team sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MessageRow {
    message_id: String,
    /// `visitor`, `assistant` or `operator`
    role: String,
    content: String,
    #[schema(value_type = Vec<events::conversation::Citation>)]
    citations: Value,
    low_confidence: Option<bool>,
    finish_reason: Option<String>,
    /// `up` or `down`
    rating: Option<String>,
    author: Option<String>,
    page_url: Option<String>,
    /// The visitor cleared it away
    cleared: bool,
    status: String,
    failure_code: Option<String>,
    first_token_ms: Option<i64>,
    created_at: Timestamp,
}

/// Reads one conversation with its messages.
///
/// With `at` it is read from the log: what was said until then, with the citations as they were given, and the agent's
/// definition of that time. It has no `preview` then.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `validation_failed`, `projection_behind`,
/// `database_unavailable`, `log_unavailable`.
#[utoipa::path(
    get, path = "/conversations/{conversation_id}", tag = "conversations",
    params(("conversation_id" = ConversationId, Path), When), responses((status = 200, body = Data<ConversationView>)),
    security(("operator" = []))
)]
#[tracing::instrument(name = "read.conversation", skip_all, fields(conversation.id = %conversation_id))]
pub async fn read_conversation(
    State(app): State<App>,
    reader: Reader,
    Path(conversation_id): Path<ConversationId>,
    Query(When { at }): Query<When>,
    min_position: MinPosition,
) -> Result<Data<ConversationView>, ApiError> {
    if let Some(at) = at {
        let data = as_of::read(&app, &reader, conversation_id, &at).await?;
        return Ok(Data { data });
    }
    min_position.wait(&app, "conversations").await?;
    let id = conversation_id.to_string();
    let row = sqlx::query(CONVERSATION)
        .bind(&id)
        .fetch_optional(&app.pool)
        .await?
        .ok_or(ApiError::ConversationNotFound)?;
    let workspace: String = row.try_get("workspace_id")?;
    let is_visible = workspace
        .parse()
        .is_ok_and(|workspace_id: WorkspaceId| reader.may_see(workspace_id));
    if !is_visible {
        return Err(ApiError::ConversationNotFound);
    }
    let messages = sqlx::query(MESSAGES)
        .bind(&id)
        .bind(&workspace)
        .bind(i64::try_from(MESSAGES_MAX).unwrap_or(i64::MAX))
        .fetch_all(&app.pool)
        .await?;
    let messages = messages.iter().map(message).collect::<sqlx::Result<Vec<_>>>()?;
    let conversation = list_conversations::conversation(&row)?;
    Ok(Data {
        data: ConversationView {
            conversation,
            messages,
            as_of: None,
        },
    })
}

fn message(row: &PgRow) -> sqlx::Result<MessageRow> {
    Ok(MessageRow {
        message_id: row.try_get("message_id")?,
        role: row.try_get("role")?,
        content: row.try_get("content")?,
        citations: row
            .try_get::<Option<Value>, _>("citations")?
            .unwrap_or_else(|| Value::Array(Vec::new())),
        low_confidence: row.try_get("low_confidence")?,
        finish_reason: row.try_get("finish_reason")?,
        rating: row.try_get("rating")?,
        author: row.try_get("author")?,
        page_url: row.try_get("page_url")?,
        cleared: row.try_get("cleared")?,
        status: row.try_get("status")?,
        failure_code: row.try_get("failure_code")?,
        first_token_ms: row.try_get("first_token_ms")?,
        created_at: time(row, "created_at")?,
    })
}
