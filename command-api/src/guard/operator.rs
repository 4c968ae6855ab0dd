//! The person or program of a site's team behind an operator token, by what the token must allow.
//!
//! A token of one workspace never sees another's data: not found, not forbidden.

use axum::{extract::FromRequestParts, http::request::Parts};
use edge::operator::{Operator, ScopeName};
use events::{WorkspaceId, cloud_event::Meta, conversation};

use super::caller;
use crate::{app::App, error::ApiError};

/// May read definitions.
#[derive(Debug)]
pub struct Reader(pub Caller);

/// May take conversations over.
#[derive(Debug)]
pub struct Writer(pub Caller);

/// May define workspaces, agents and knowledge.
#[derive(Debug)]
pub struct Admin(pub Caller);

/// Who calls, and what events of this request carry of it.
#[derive(Debug)]
pub struct Caller {
    operator: Operator,
    meta: Meta,
}

impl Caller {
    /// Whether the token is of this workspace, or of all.
    pub fn may_see(&self, workspace_id: WorkspaceId) -> bool {
        self.operator.may_see(workspace_id)
    }

    /// What events of this request carry of it.
    pub fn meta(&self, workspace_id: WorkspaceId) -> Meta {
        Meta {
            workspace_id: Some(workspace_id),
            ..self.meta.clone()
        }
    }

    /// The person, as conversations name people.
    pub fn person(&self) -> conversation::Operator {
        conversation::Operator {
            id: self.operator.sub.clone(),
            name: self.operator.name.clone().unwrap_or_else(|| self.operator.sub.clone()),
        }
    }

    fn with_scope(parts: &Parts, app: &App, scope: ScopeName) -> Result<Self, ApiError> {
        let token = caller::bearer_token(&parts.headers).ok_or(ApiError::Unauthorized)?;
        let operator = app.operators.verify(token).map_err(|_| ApiError::Unauthorized)?;
        if !operator.allows(scope) {
            return Err(ApiError::Forbidden);
        }
        Ok(Self {
            operator,
            meta: caller::meta(&parts.headers),
        })
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Caller::with_scope(parts, app, ScopeName::Read).map(Self)
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Caller::with_scope(parts, app, ScopeName::Write).map(Self)
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Caller::with_scope(parts, app, ScopeName::Admin).map(Self)
    }
}
