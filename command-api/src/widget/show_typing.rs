//! `POST /conversation/typing`: the visitor types. Told to whoever listens, stored nowhere.

use axum::{extract::State, http::StatusCode};
use events::{ConversationId, Timestamp, conversation::Role, log::LogError};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    error::ApiError,
    guard::{body::OptionalJson, visitor::Visitor},
};

/// Whether the visitor types or has stopped. The body may be left out: then they type.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct TypingRequest {
    #[serde(default = "yes")]
    pub(crate) typing: bool,
}

impl Default for TypingRequest {
    fn default() -> Self {
        Self { typing: yes() }
    }
}

const fn yes() -> bool {
    true
}

/// What listeners of `typing.<conversation>` hear.
#[derive(Serialize)]
pub(crate) struct Typing {
    role: Role,
    /// Who of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(rename = "typing")]
    active: bool,
    at: Timestamp,
}

impl Typing {
    pub(crate) fn by_operator(author: String, request: TypingRequest, at: Timestamp) -> Self {
        Self {
            role: Role::Operator,
            author: Some(author),
            active: request.typing,
            at,
        }
    }

    /// Tells everybody who listens now.
    pub(crate) async fn tell(&self, app: &App, conversation_id: ConversationId) -> Result<(), ApiError> {
        let payload = serde_json::to_vec(self).map_err(LogError::from)?;
        let subject = format!("typing.{conversation_id}");
        let sent = app.log.client().publish(subject, payload.into()).await;
        sent.map_err(|error| ApiError::BusUnavailable(error.into()))
    }
}

/// Tells the person who has the conversation that the visitor types.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversation/typing", tag = "widget", request_body = Option<TypingRequest>,
    responses((status = 204)),
)]
#[tracing::instrument(name = "widget.conversation.typing", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn show_typing(
    State(app): State<App>,
    visitor: Visitor,
    OptionalJson(request): OptionalJson<TypingRequest>,
) -> Result<StatusCode, ApiError> {
    let typing = Typing {
        role: Role::Visitor,
        author: None,
        active: request.typing,
        at: app.now(),
    };
    typing.tell(&app, visitor.conversation_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
