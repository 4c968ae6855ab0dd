//! The visitor behind a token: authenticated, on an allowed site, within the limits.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, request::Parts},
};
use events::{
    AgentId, ConversationId, Subject, Timestamp, VisitorId,
    agent::AgentDefinition,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation},
    log::Receipt,
};

use super::{
    caller,
    limits::{self, Bucket, RateSlot},
    origin,
    token::{Claims, InvalidToken},
};
use crate::{app::App, error::ApiError};

/// A visitor who may go on. As an extractor it counts the request: reading and writing have buckets of their own.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub agent_id: AgentId,
    pub visitor_id: VisitorId,
    pub conversation_id: ConversationId,
    /// The agent as it is defined now.
    pub agent: Arc<AgentDefinition>,
    issued_at: Timestamp,
    meta: Meta,
}

/// A visitor who submits the lead form: counted in that form's own bucket.
#[derive(Debug, Clone)]
pub struct LeadVisitor(pub Visitor);

/// A visitor who wants to be forgotten. The token may be dead already, from an attempt that did not come to its end.
#[derive(Debug, Clone)]
pub struct LeavingVisitor(pub Visitor);

impl FromRequestParts<App> for Visitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = caller::bearer_token(&parts.headers).ok_or(ApiError::Unauthorized)?;
        let bucket = if parts.method == Method::GET {
            Bucket::Read
        } else {
            Bucket::Session
        };
        Self::admit(app, token, bucket, &parts.headers, &RateSlot::of(parts)).await
    }
}

impl FromRequestParts<App> for LeavingVisitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = caller::bearer_token(&parts.headers).ok_or(ApiError::Unauthorized)?;
        let known = (token, verify(app, token)?);
        Visitor::identify(app, known, Bucket::Session, &parts.headers, &RateSlot::of(parts))
            .await
            .map(Self)
    }
}

impl FromRequestParts<App> for LeadVisitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = caller::bearer_token(&parts.headers).ok_or(ApiError::Unauthorized)?;
        Visitor::admit(app, token, Bucket::Leads, &parts.headers, &RateSlot::of(parts))
            .await
            .map(Self)
    }
}

fn verify(app: &App, token: &str) -> Result<Claims, ApiError> {
    app.widget_keys
        .verify(token, app.now())
        .map_err(|InvalidToken| ApiError::Unauthorized)
}

fn is_revoked(app: &App, claims: &Claims) -> bool {
    app.revocations
        .is_revoked(claims.visitor_id, claims.conversation_id, claims.issued_at())
}

impl Visitor {
    /// Lets the bearer of `token` in and counts the request.
    ///
    /// # Errors
    /// `unauthorized`, `agent_not_found`, `origin_forbidden`, `throttled`, in this order.
    pub async fn admit(
        app: &App,
        token: &str,
        bucket: Bucket,
        headers: &HeaderMap,
        rate: &RateSlot,
    ) -> Result<Self, ApiError> {
        let claims = verify(app, token)?;
        if is_revoked(app, &claims) {
            return Err(ApiError::Unauthorized);
        }
        Self::identify(app, (token, claims), bucket, headers, rate).await
    }

    /// The rest of [`Self::admit`], for a token whose death is none of the caller's concern.
    async fn identify(
        app: &App,
        (token, claims): (&str, Claims),
        bucket: Bucket,
        headers: &HeaderMap,
        rate: &RateSlot,
    ) -> Result<Self, ApiError> {
        let issued_at = claims.issued_at();
        let Claims {
            agent_id,
            visitor_id,
            conversation_id,
            ..
        } = claims;
        let agent = app.published_agent(agent_id)?;
        origin::check(&agent.allowed_origins, headers)?;
        let signature = token.rsplit('.').next().unwrap_or_default();
        limits::admit(app, bucket, &limits::key(&[signature]), rate).await?;
        let meta = Meta {
            workspace_id: Some(agent.workspace_id),
            conversation_id: Some(conversation_id),
            ..caller::meta(headers)
        };
        Ok(Self {
            agent_id,
            visitor_id,
            conversation_id,
            agent,
            issued_at,
            meta,
        })
    }

    /// Where the visitor's own events are.
    pub const fn subject(&self) -> Subject {
        Subject::Visitor {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
        }
    }

    /// Where the events of the token's conversation are.
    pub const fn conversation(&self) -> Subject {
        self.conversation_named(self.conversation_id)
    }

    /// Where the events of another conversation of this visitor are.
    pub const fn conversation_named(&self, conversation_id: ConversationId) -> Subject {
        Subject::Conversation {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
            conversation_id,
        }
    }

    /// What events of this request carry of it.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Whether the token died meanwhile.
    pub fn is_revoked(&self, app: &App) -> bool {
        app.revocations
            .is_revoked(self.visitor_id, self.conversation_id, self.issued_at)
    }

    /// Does `action` in the token's conversation.
    ///
    /// # Errors
    /// The conversation's refusal, or `log_unavailable`.
    pub async fn act(&self, app: &App, action: Action) -> Result<Receipt<Conversation>, ApiError> {
        let command = Command { at: app.now(), action };
        let stored = app
            .execute::<Conversation>(&self.conversation(), command, &self.meta)
            .await;
        self.settle(app).await?;
        stored
    }

    /// To be called after each write. One that was let in just before the visitor was erased, perhaps by another instance, may
    /// be stored after that: then it goes as well.
    ///
    /// # Errors
    /// `unauthorized` when the visitor is erased, `log_unavailable`.
    pub async fn settle(&self, app: &App) -> Result<(), ApiError> {
        if !self.is_revoked(app) {
            return Ok(());
        }
        // One after the other: what the first one erases, the others need not.
        let _turn = app.late_erasures.acquire().await;
        let left = app.log.subjects_of_visitor(self.agent_id, self.visitor_id).await?;
        if left.iter().any(|subject| !matches!(subject, Subject::Visitor { .. })) {
            app.log
                .erase_visitor(self.agent_id, self.visitor_id, &self.meta)
                .await?;
        }
        Err(ApiError::Unauthorized)
    }
}
