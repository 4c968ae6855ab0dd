//! `GET /api/v1/agents/{agent_id}/versions` and `…/versions/{version}`: how the agent was defined before.
//!
//! The log is the history: its first definition is version 1, each change one more. Going back is putting an old one again.

use axum::extract::State;
use edge::{Data, extract::Path};
use events::{
    AgentId, LogEvent, Position, Recorded, Subject, Timestamp,
    agent::{AgentDefinition, AgentEvent},
};
use serde::Serialize;

use super::read_agent::visible_agent;
use crate::{app::App, error::ApiError, guard::operator::Reader};

/// Older ones are read one by one.
const VERSIONS_MAX: usize = 100;

/// That the agent was defined.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AgentVersion {
    /// The first is 1.
    #[schema(minimum = 1)]
    version: usize,
    at: Timestamp,
    #[schema(value_type = String, example = "control:7")]
    position: Position,
}

/// An agent as it was defined once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AgentVersionView {
    #[serde(flatten)]
    is: AgentVersion,
    definition: AgentDefinition,
}

/// Lists when the agent was defined, the last 100 times, the newest first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `log_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/versions", tag = "admin", params(("agent_id" = AgentId, Path)),
    responses((status = 200, body = Vec<AgentVersion>)),
)]
#[tracing::instrument(name = "admin.agent.versions", skip_all, fields(agent.id = %agent_id))]
pub async fn list_agent_versions(
    State(app): State<App>,
    Reader(caller): Reader,
    Path(agent_id): Path<AgentId>,
) -> Result<Data<Vec<AgentVersion>>, ApiError> {
    visible_agent(&app, &caller, agent_id)?;
    let versions = versions(&app, agent_id).await?;
    let newest = versions.into_iter().rev().take(VERSIONS_MAX);
    Ok(Data {
        data: newest.map(|version| version.is).collect(),
    })
}

/// The agent as it was in that version.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `version_not_found`, `log_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/versions/{version}", tag = "admin",
    params(("agent_id" = AgentId, Path), ("version" = usize, Path)),
    responses((status = 200, body = AgentVersionView)),
)]
#[tracing::instrument(name = "admin.agent.version", skip_all, fields(agent.id = %agent_id))]
pub async fn read_agent_version(
    State(app): State<App>,
    Reader(caller): Reader,
    Path((agent_id, version)): Path<(AgentId, usize)>,
) -> Result<Data<AgentVersionView>, ApiError> {
    visible_agent(&app, &caller, agent_id)?;
    let versions = versions(&app, agent_id).await?;
    let found = versions.into_iter().find(|found| found.is.version == version);
    Ok(Data {
        data: found.ok_or(ApiError::VersionNotFound)?,
    })
}

/// Oldest first.
async fn versions(app: &App, agent_id: AgentId) -> Result<Vec<AgentVersionView>, ApiError> {
    let recorded = app.log.events_of(&Subject::Agent { agent_id }).await?;
    let defined = recorded
        .into_iter()
        .filter_map(|Recorded { position, event, .. }| match event {
            LogEvent::Agent(AgentEvent::Defined { definition, at }) => Some((position, *definition, at)),
            _ => None,
        });
    Ok((1..)
        .zip(defined)
        .map(|(version, (position, definition, at))| AgentVersionView {
            is: AgentVersion { version, at, position },
            definition,
        })
        .collect())
}
