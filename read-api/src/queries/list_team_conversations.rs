//! `GET /api/v1/workspaces/{workspace_id}/conversations`: what a team has before it, whichever agent it is with.

use axum::extract::State;
use edge::extract::{Path, Query};
use events::{AgentId, WorkspaceId};

use super::list_conversations::{self, ConversationRow, Filter};
use crate::{access::Reader, app::App, cursor::Page, error::ApiError, wait_for_position::MinPosition};

/// Lists the conversations of all agents of a workspace, the last active first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `workspace_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/workspaces/{workspace_id}/conversations", tag = "conversations",
    params(("workspace_id" = WorkspaceId, Path), Filter), responses((status = 200, body = Page<ConversationRow>)),
    security(("operator" = []))
)]
#[tracing::instrument(name = "read.team_conversations", skip_all, fields(workspace.id = %workspace_id))]
pub async fn list_team_conversations(
    State(app): State<App>,
    reader: Reader,
    Path(workspace_id): Path<WorkspaceId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Page<ConversationRow>, ApiError> {
    let agents: Vec<AgentId> = app
        .directory
        .agents_of(workspace_id)
        .into_iter()
        .map(|(agent_id, _)| agent_id)
        .collect();
    let is_known = !agents.is_empty() || app.directory.workspace(workspace_id).is_some();
    if !is_known || !reader.may_see(workspace_id) {
        return Err(ApiError::WorkspaceNotFound);
    }
    list_conversations::list(&app, &agents, workspace_id, filter, min_position).await
}
