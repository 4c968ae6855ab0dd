//! `GET /api/v1/workspaces/{workspace_id}/usage`

use axum::extract::State;
use edge::{Data, extract::Path};
use events::WorkspaceId;
use serde::Serialize;
use sqlx::{Row as _, postgres::PgRow};

use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const USAGE: &str = "SELECT to_char(month, 'YYYY-MM') AS month, sum(conversations)::bigint AS conversations, \
    sum(messages)::bigint AS messages, sum(answers)::bigint AS answers, sum(prompt_tokens)::bigint AS prompt_tokens, \
    sum(completion_tokens)::bigint AS completion_tokens \
    FROM read.usage WHERE workspace_id = $1 GROUP BY usage.month ORDER BY usage.month DESC LIMIT 24";

/// What a workspace has used, and may use.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// New conversations a month may have; 0 is without limit.
    monthly_conversations: u64,
    /// The last two years, the newest first.
    months: Vec<Month>,
}

/// One calendar month, in UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Month {
    /// `2026-05`
    #[serde(rename = "month")]
    name: String,
    conversations: i64,
    /// Of visitors.
    messages: i64,
    answers: i64,
    /// What models counted.
    prompt_tokens: i64,
    completion_tokens: i64,
}

/// Reads a workspace's usage against its quota.
///
/// # Errors
/// `unauthorized`, `forbidden`, `workspace_not_found`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/workspaces/{workspace_id}/usage", tag = "usage", params(("workspace_id" = WorkspaceId, Path)),
    responses((status = 200, body = Data<Usage>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.usage", skip_all, fields(workspace.id = %workspace_id))]
pub async fn read_usage(
    State(app): State<App>,
    reader: Reader,
    Path(workspace_id): Path<WorkspaceId>,
    min_position: MinPosition,
) -> Result<Data<Usage>, ApiError> {
    let workspace = app
        .directory
        .workspace(workspace_id)
        .filter(|_| reader.may_see(workspace_id));
    let workspace = workspace.ok_or(ApiError::WorkspaceNotFound)?;
    min_position.wait(&app, "usage").await?;
    let rows = sqlx::query(USAGE)
        .bind(workspace_id.to_string())
        .fetch_all(&app.pool)
        .await?;
    let months = rows.iter().map(month).collect::<sqlx::Result<Vec<_>>>()?;
    Ok(Data {
        data: Usage {
            monthly_conversations: workspace.monthly_conversations,
            months,
        },
    })
}

fn month(row: &PgRow) -> sqlx::Result<Month> {
    Ok(Month {
        name: row.try_get("month")?,
        conversations: row.try_get("conversations")?,
        messages: row.try_get("messages")?,
        answers: row.try_get("answers")?,
        prompt_tokens: row.try_get("prompt_tokens")?,
        completion_tokens: row.try_get("completion_tokens")?,
    })
}
