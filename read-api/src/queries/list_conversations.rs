//! `GET /api/v1/agents/{agent_id}/conversations`

use axum::extract::State;
use edge::{
    BadInput,
    extract::{Path, Query},
};
use events::{AgentId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, postgres::PgRow};

use super::{
    parse_time,
    search::{Search, Typed},
    time,
};
use crate::{
    access::Reader,
    app::App,
    cursor::{self, Cursor, Page},
    error::ApiError,
    wait_for_position::MinPosition,
};

const LIST: &str = include_str!("list_conversations.sql");

/// Which conversations.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// `open`, `claimed` or `closed`
    state: Option<String>,
    /// Only those in which the visitor asked for a person, and nobody has come yet
    human_requested: Option<bool>,
    /// Only those with an answer that was not sure of itself
    low_confidence: Option<bool>,
    /// Only those in which somebody has written
    has_messages: Option<bool>,
    /// Last written in at or after this time (RFC 3339)
    #[param(format = DateTime)]
    from: Option<String>,
    /// Last written in before this time (RFC 3339)
    #[param(format = DateTime)]
    to: Option<String>,
    /// Words of any message, or their beginnings; or a conversation's id
    q: Option<String>,
    /// The `next_cursor` of the page before
    cursor: Option<String>,
    /// 1 to 200, by default 50
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A conversation in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConversationRow {
    pub(super) conversation_id: String,
    pub(super) agent_id: String,
    pub(super) visitor_id: String,
    /// `open`, `claimed` or `closed`
    pub(super) state: String,
    /// The name of the person who has it, and their token's `sub`
    pub(super) claimed_by: Option<String>,
    pub(super) claimed_by_id: Option<String>,
    pub(super) human_requested: bool,
    pub(super) message_count: i64,
    pub(super) low_confidence_count: i64,
    /// `good` or `bad`
    pub(super) satisfaction: Option<String>,
    pub(super) page_url: Option<String>,
    pub(super) locale: Option<String>,
    /// The beginning of the last message
    pub(super) preview: Option<String>,
    pub(super) started_at: Timestamp,
    /// When anyone last wrote; when it began, until then.
    pub(super) last_message_at: Timestamp,
    #[serde(skip)]
    pub(super) active_at: time::OffsetDateTime,
}

/// Lists an agent's conversations, the last active first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/conversations", tag = "conversations",
    params(("agent_id" = AgentId, Path), Filter), responses((status = 200, body = Page<ConversationRow>)),
    security(("operator" = []))
)]
#[tracing::instrument(name = "read.conversations", skip_all, fields(agent.id = %agent_id))]
pub async fn list_conversations(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Page<ConversationRow>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    list(&app, &[agent_id], agent.workspace_id, filter, min_position).await
}

/// One page of the conversations of `agents`, which are all of `workspace_id`.
pub(super) async fn list(
    app: &App,
    agents: &[AgentId],
    workspace_id: WorkspaceId,
    filter: Filter,
    min_position: MinPosition,
) -> Result<Page<ConversationRow>, ApiError> {
    let limit = cursor::limit(filter.limit)?;
    let after = filter.cursor.as_deref().map(Cursor::decode).transpose()?;
    if filter
        .state
        .as_deref()
        .is_some_and(|state| !["open", "claimed", "closed"].contains(&state))
    {
        return Err(BadInput::invalid("state", "it must be open, claimed or closed").into());
    }
    let typed = filter.q.as_deref().map_or(Ok(Typed::Nothing), Typed::parse)?;
    min_position.wait(app, "conversations").await?;
    let search = Search::plan(&app.pool, workspace_id, typed).await?;
    let query = sqlx::query(LIST)
        .bind(agents.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind(workspace_id.to_string())
        .bind(filter.state)
        .bind(filter.human_requested)
        .bind(parse_time("from", filter.from.as_deref())?)
        .bind(parse_time("to", filter.to.as_deref())?)
        .bind(search.conversations)
        .bind(search.words)
        .bind(after.as_ref().map(|cursor| cursor.time))
        .bind(after.map(|cursor| cursor.id))
        .bind(limit + 1)
        .bind(filter.low_confidence)
        .bind(filter.has_messages)
        .bind(search.patterns);
    // Planned for its filters each time: a plan for all of them uses no index of any of them.
    let rows = query.persistent(false).fetch_all(&app.pool).await?;
    let rows = rows.iter().map(conversation).collect::<sqlx::Result<Vec<_>>>()?;
    Ok(Page::new(rows, limit, |row| Cursor {
        time: row.active_at,
        id: row.conversation_id.clone(),
    }))
}

/// One row of `read.conversations`.
pub(super) fn conversation(row: &PgRow) -> sqlx::Result<ConversationRow> {
    Ok(ConversationRow {
        conversation_id: row.try_get("conversation_id")?,
        agent_id: row.try_get("agent_id")?,
        visitor_id: row.try_get("visitor_id")?,
        state: row.try_get("state")?,
        claimed_by: row.try_get("claimed_by")?,
        claimed_by_id: row.try_get("claimed_by_id")?,
        human_requested: row.try_get("human_requested")?,
        message_count: row.try_get("message_count")?,
        low_confidence_count: row.try_get("low_confidence_count")?,
        satisfaction: row.try_get("satisfaction")?,
        page_url: row.try_get("page_url")?,
        locale: row.try_get("locale")?,
        preview: row.try_get("preview")?,
        started_at: time(row, "started_at")?,
        last_message_at: time(row, "last_message_at")?,
        active_at: row.try_get("last_message_at")?,
    })
}
