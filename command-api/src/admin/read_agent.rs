//! `GET /api/v1/agents/{agent_id}`

use std::sync::Arc;

use axum::extract::State;
use edge::{Data, extract::Path};
use events::{AgentId, agent::AgentDefinition};

use super::put_agent::AgentDefinitionView;
use crate::{
    app::App,
    error::ApiError,
    guard::operator::{Caller, Reader},
};

/// The agent as it is defined, published or not.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`.
#[utoipa::path(
    get, path = "/agents/{agent_id}", tag = "admin",
    params(("agent_id" = AgentId, Path)),
    responses((status = 200, body = AgentDefinitionView)),
)]
#[tracing::instrument(name = "admin.agent.read", skip_all, fields(agent.id = %agent_id))]
pub async fn read_agent(
    State(app): State<App>,
    Reader(caller): Reader,
    Path(agent_id): Path<AgentId>,
) -> Result<Data<AgentDefinitionView>, ApiError> {
    let definition = visible_agent(&app, &caller, agent_id)?;
    Ok(Data {
        data: AgentDefinitionView {
            agent_id,
            definition: (*definition).clone(),
        },
    })
}

/// The agent, when the caller's token is of its workspace.
///
/// # Errors
/// `agent_not_found`.
pub(super) fn visible_agent(app: &App, caller: &Caller, agent_id: AgentId) -> Result<Arc<AgentDefinition>, ApiError> {
    let agent = app
        .directory
        .agent(agent_id)
        .filter(|agent| caller.may_see(agent.workspace_id));
    agent.ok_or(ApiError::AgentNotFound)
}
