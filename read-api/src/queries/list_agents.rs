//! `GET /api/v1/agents`: the agents that a caller may see.

use axum::extract::State;
use edge::Data;
use events::{AgentId, WorkspaceId, agent::BehaviorRule};
use serde::Serialize;

use crate::{access::Reader, app::App};

/// An agent in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AgentRow {
    agent_id: AgentId,
    name: String,
    workspace_id: WorkspaceId,
    /// Empty when the workspace is not defined.
    workspace_name: String,
    published: bool,
    /// As they are defined: telemetry names them by their `id`.
    behavior_rules: Vec<BehaviorRule>,
}

/// Lists agents by workspace and name.
///
/// # Errors
/// `unauthorized`, `forbidden`.
#[utoipa::path(
    get, path = "/agents", tag = "agents", responses((status = 200, body = Data<Vec<AgentRow>>)),
    security(("operator" = []))
)]
#[tracing::instrument(name = "read.agents", skip_all)]
pub async fn list_agents(State(app): State<App>, reader: Reader) -> Data<Vec<AgentRow>> {
    let mut rows: Vec<AgentRow> = app
        .directory
        .agents()
        .into_iter()
        .filter(|(_, agent)| reader.may_see(agent.workspace_id))
        .map(|(agent_id, agent)| AgentRow {
            agent_id,
            name: agent.name.clone(),
            workspace_id: agent.workspace_id,
            workspace_name: app
                .directory
                .workspace(agent.workspace_id)
                .map(|workspace| workspace.name.clone())
                .unwrap_or_default(),
            published: agent.published,
            behavior_rules: agent.behavior_rules.clone(),
        })
        .collect();
    rows.sort_by(|a, b| {
        let key = |row: &AgentRow| {
            (
                row.workspace_name.clone(),
                row.workspace_id,
                row.name.clone(),
                row.agent_id,
            )
        };
        key(a).cmp(&key(b))
    });
    Data { data: rows }
}
