//! `GET /api/v1/agents/{agent_id}/documents`: what an agent knows.

use axum::extract::State;
use edge::extract::{Path, Query};
use events::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, postgres::PgRow};

use super::time;
use crate::{
    access::Reader,
    app::App,
    cursor::{self, Cursor, Page},
    error::ApiError,
    wait_for_position::MinPosition,
};

const DOCUMENTS: &str = "SELECT document_id, url, title, chunks, updated_at FROM read.documents \
    WHERE agent_id = $1 AND workspace_id = $2 \
    AND ($3::timestamptz IS NULL OR (updated_at, document_id) < ($3, $4)) \
    ORDER BY updated_at DESC, document_id DESC LIMIT $5";

/// Which page of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The `next_cursor` of the page before
    cursor: Option<String>,
    /// 1 to 200, by default 50
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// One page of the agent's site, as the agent knows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DocumentRow {
    document_id: String,
    url: String,
    title: String,
    /// Passages that it was cut into.
    chunks: i32,
    updated_at: Timestamp,
    #[serde(skip)]
    put_at: time::OffsetDateTime,
}

/// Lists an agent's knowledge, the last changed first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/documents", tag = "knowledge", params(("agent_id" = AgentId, Path), Filter),
    responses((status = 200, body = Page<DocumentRow>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.documents", skip_all, fields(agent.id = %agent_id))]
pub async fn list_documents(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Page<DocumentRow>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    let limit = cursor::limit(filter.limit)?;
    let after = filter.cursor.as_deref().map(Cursor::decode).transpose()?;
    min_position.wait(&app, "documents").await?;
    let rows = sqlx::query(DOCUMENTS)
        .bind(agent_id.to_string())
        .bind(agent.workspace_id.to_string())
        .bind(after.as_ref().map(|cursor| cursor.time))
        .bind(after.map(|cursor| cursor.id))
        .bind(limit + 1)
        .fetch_all(&app.pool)
        .await?;
    let rows = rows.iter().map(document).collect::<sqlx::Result<Vec<_>>>()?;
    Ok(Page::new(rows, limit, |row| Cursor {
        time: row.put_at,
        id: row.document_id.clone(),
    }))
}

fn document(row: &PgRow) -> sqlx::Result<DocumentRow> {
    Ok(DocumentRow {
        document_id: row.try_get("document_id")?,
        url: row.try_get("url")?,
        title: row.try_get("title")?,
        chunks: row.try_get("chunks")?,
        updated_at: time(row, "updated_at")?,
        put_at: row.try_get("updated_at")?,
    })
}
