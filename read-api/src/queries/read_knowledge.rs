//! `GET /api/v1/agents/{agent_id}/knowledge`: how much an agent knows, and how far it is searchable.

use axum::extract::State;
use edge::{Data, extract::Path};
use events::AgentId;
use serde::Serialize;
use sqlx::{Row as _, postgres::PgRow};

use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const KNOWLEDGE: &str = "SELECT \
    (SELECT count(*) FROM read.documents WHERE agent_id = $1 AND workspace_id = $2) AS documents, \
    count(*) AS chunks, count(e.content_hash) AS embedded, (SELECT model FROM read.embedding_model) AS model \
    FROM read.document_chunks AS c \
    LEFT JOIN read.embeddings AS e ON e.agent_id = c.agent_id AND e.content_hash = c.content_hash \
    WHERE c.agent_id = $1";

/// What stands in the index.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Knowledge {
    /// Pages that can be found by their words.
    documents: i64,
    /// Passages of these pages.
    chunks: i64,
    /// Passages that can be found by their meaning too; all of them once this is `chunks`.
    embedded: i64,
    /// The model that passages are embedded with; none when they are found by their words alone.
    embedding_model: Option<String>,
}

/// Reads how much an agent knows, and how much of it is embedded.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/knowledge", tag = "knowledge", params(("agent_id" = AgentId, Path)),
    responses((status = 200, body = Data<Knowledge>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.knowledge", skip_all, fields(agent.id = %agent_id))]
pub async fn read_knowledge(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    min_position: MinPosition,
) -> Result<Data<Knowledge>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    min_position.wait(&app, "documents").await?;
    let row = sqlx::query(KNOWLEDGE)
        .bind(agent_id.to_string())
        .bind(agent.workspace_id.to_string())
        .fetch_one(&app.pool)
        .await?;
    Ok(Data { data: knowledge(&row)? })
}

fn knowledge(row: &PgRow) -> sqlx::Result<Knowledge> {
    Ok(Knowledge {
        documents: row.try_get("documents")?,
        chunks: row.try_get("chunks")?,
        embedded: row.try_get("embedded")?,
        embedding_model: row.try_get("model")?,
    })
}
