//! `POST /api/v1/agents/{agent_id}/check`: whether a definition would be taken.

use axum::{extract::State, http::StatusCode};
use edge::extract::{Json, Path};
use events::{AgentId, agent::AgentDefinition};

use super::put_agent::check;
use crate::{app::App, error::ApiError, guard::operator::Admin};

/// Checks a definition as `PUT` does, and changes nothing.
///
/// # Errors
/// Those of `PUT`.
#[utoipa::path(
    post, path = "/agents/{agent_id}/check", tag = "admin", request_body = AgentDefinition,
    params(("agent_id" = AgentId, Path)),
    responses((status = 204)),
)]
#[tracing::instrument(name = "admin.agent.check", skip_all, fields(agent.id = %agent_id))]
pub async fn check_agent(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(agent_id): Path<AgentId>,
    Json(definition): Json<AgentDefinition>,
) -> Result<StatusCode, ApiError> {
    let current = check(&app, &caller, agent_id, &definition)?;
    if current.is_some_and(|agent| agent.workspace_id != definition.workspace_id) {
        return Err(ApiError::AgentInOtherWorkspace);
    }
    Ok(StatusCode::NO_CONTENT)
}
