//! Who may see what. What a token does not reach does not exist for it: not found, not forbidden.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use edge::operator::{Operator, ScopeName};
use events::{AgentId, WorkspaceId, agent::AgentDefinition};

use crate::{app::App, error::ApiError};

/// A caller that may read.
#[derive(Debug)]
pub struct Reader(Operator);

impl Reader {
    /// The agent, if this caller may see it.
    ///
    /// # Errors
    /// There is none, or it is of another workspace; the log cannot be asked for one that is not known here.
    pub async fn agent(&self, app: &App, agent_id: AgentId) -> Result<Arc<AgentDefinition>, ApiError> {
        let agent = app
            .directory
            .find_agent(agent_id)
            .await?
            .ok_or(ApiError::AgentNotFound)?;
        if self.0.may_see(agent.workspace_id) {
            Ok(agent)
        } else {
            Err(ApiError::AgentNotFound)
        }
    }

    /// Whether this caller may see what belongs to the workspace.
    pub fn may_see(&self, workspace_id: WorkspaceId) -> bool {
        self.0.may_see(workspace_id)
    }

    /// The one workspace that this caller may see; none for a caller that may see all.
    pub fn only_workspace(&self) -> Option<WorkspaceId> {
        match self.0.workspace {
            edge::operator::Scope::All => None,
            edge::operator::Scope::One(workspace_id) => Some(workspace_id),
        }
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or(ApiError::Unauthorized)?;
        let operator = app.operators.verify(token.trim()).map_err(|_| ApiError::Unauthorized)?;
        if operator.allows(ScopeName::Read) {
            Ok(Self(operator))
        } else {
            Err(ApiError::Forbidden)
        }
    }
}
