//! `GET /api/v1/agents/{agent_id}/gaps`: what visitors asked and the site does not say.

use axum::extract::State;
use edge::{
    Data,
    extract::{Path, Query},
};
use events::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, postgres::PgRow};

use super::time;
use crate::{access::Reader, app::App, cursor, error::ApiError, wait_for_position::MinPosition};

const GAPS: &str = "SELECT grouping_key, count(*) AS times, max(asked_at) AS last_asked_at, \
    (array_agg(question ORDER BY asked_at DESC, message_id DESC))[1] AS question, \
    (array_agg(conversation_id ORDER BY asked_at DESC, message_id DESC))[1:5] AS conversations \
    FROM read.gaps WHERE agent_id = $1 AND workspace_id = $2 \
    GROUP BY grouping_key ORDER BY times DESC, last_asked_at DESC, grouping_key LIMIT $3";

/// How many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// 1 to 200, by default 50
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A question that was asked in one form or another, and not answered with confidence.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Gap {
    /// As it was asked last.
    question: String,
    times: i64,
    last_asked_at: Timestamp,
    /// The last five conversations in which it came up.
    conversations: Vec<String>,
}

/// Lists unanswered questions, like with like, the most frequent first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/gaps", tag = "knowledge", params(("agent_id" = AgentId, Path), Filter),
    responses((status = 200, body = Data<Vec<Gap>>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.gaps", skip_all, fields(agent.id = %agent_id))]
pub async fn list_gaps(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Data<Vec<Gap>>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    let limit = cursor::limit(filter.limit)?;
    min_position.wait(&app, "gaps").await?;
    let query = sqlx::query(GAPS)
        .bind(agent_id.to_string())
        .bind(agent.workspace_id.to_string())
        .bind(limit);
    let rows = query.fetch_all(&app.pool).await?;
    Ok(Data {
        data: rows.iter().map(gap).collect::<sqlx::Result<Vec<_>>>()?,
    })
}

fn gap(row: &PgRow) -> sqlx::Result<Gap> {
    Ok(Gap {
        question: row.try_get("question")?,
        times: row.try_get("times")?,
        last_asked_at: time(row, "last_asked_at")?,
        conversations: row.try_get("conversations")?,
    })
}
