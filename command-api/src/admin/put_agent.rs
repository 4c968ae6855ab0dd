//! `PUT /api/v1/agents/{agent_id}`

use std::sync::Arc;

use axum::extract::State;
use edge::{
    Committed,
    extract::{Json, Path},
};
use events::{
    AgentId, Subject,
    agent::{Agent, AgentDefinition, Command},
};
use serde::Serialize;

use super::agent_rules;
use crate::{
    app::App,
    error::ApiError,
    guard::operator::{Admin, Caller},
};

/// An agent as it is defined.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AgentDefinitionView {
    pub(super) agent_id: AgentId,
    #[serde(flatten)]
    pub(super) definition: AgentDefinition,
}

/// Defines an agent; the same definition again changes nothing. When this answers, the next `init` sees it on this
/// instance, and on the others within milliseconds.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found` or `workspace_not_found` with a token of another workspace, `validation_failed`,
/// `agent_in_other_workspace`, `log_unavailable`.
#[utoipa::path(
    put, path = "/agents/{agent_id}", tag = "admin", request_body = AgentDefinition,
    params(("agent_id" = AgentId, Path)),
    responses(
        (status = 200, body = AgentDefinitionView),
        (status = 201, body = AgentDefinitionView, description = "It is new"),
    ),
)]
#[tracing::instrument(name = "admin.agent.put", skip_all, fields(agent.id = %agent_id))]
pub async fn put_agent(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(agent_id): Path<AgentId>,
    Json(definition): Json<AgentDefinition>,
) -> Result<Committed<AgentDefinitionView>, ApiError> {
    let current = check(&app, &caller, agent_id, &definition)?;
    let command = Command::Define {
        definition: Box::new(definition.clone()),
        at: app.now(),
    };
    let meta = caller.meta(definition.workspace_id);
    let receipt = app
        .execute::<Agent>(&Subject::Agent { agent_id }, command, &meta)
        .await?;
    app.directory.wait_for(receipt.position.sequence).await?;
    let view = AgentDefinitionView { agent_id, definition };
    Ok(match current {
        Some(_) => Committed::ok(receipt.position, view),
        None => Committed::created(receipt.position, view),
    })
}

/// Whether `caller` may define the agent like this; the definition in force, if there is one.
///
/// # Errors
/// `agent_not_found`, `workspace_not_found`, `validation_failed`.
pub(super) fn check(
    app: &App,
    caller: &Caller,
    agent_id: AgentId,
    definition: &AgentDefinition,
) -> Result<Option<Arc<AgentDefinition>>, ApiError> {
    let current = app.directory.agent(agent_id);
    if current
        .as_ref()
        .is_some_and(|agent| !caller.may_see(agent.workspace_id))
    {
        return Err(ApiError::AgentNotFound);
    }
    if !caller.may_see(definition.workspace_id) {
        return Err(ApiError::WorkspaceNotFound);
    }
    agent_rules::check(definition)?;
    Ok(current)
}
