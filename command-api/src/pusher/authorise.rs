//! `POST /broadcasting/auth`: signs that a socket may listen to a conversation, after token and origin were checked.
//!
//! A visitor may listen to the conversation of their token; somebody of a team, with scope `read`, to every conversation of
//! their workspace. The path is the one that pusher-js and Laravel Echo ask without being told another.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use edge::{
    extract::parse_json,
    operator::{Operator, ScopeName},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::form_urlencoded;

use super::{app_key::Grant, protocol};
use crate::{
    app::App,
    checks::Checks,
    error::ApiError,
    guard::{
        caller::{self, Caller},
        limits::Bucket,
        visitor::Visitor,
    },
    takeover::workspace_of,
};

/// What is to be signed; a form, as pusher-js sends it, or JSON.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct AuthoriseRequest {
    /// From the socket's first frame.
    #[serde(default)]
    #[schema(example = "123.456")]
    socket_id: String,
    /// `private-conversation.{id}`
    #[serde(default)]
    channel_name: String,
}

/// What the client passes on when it subscribes. Without an envelope: clients of the Pusher protocol read it as it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Authorised {
    /// `<app key>:<signature>`
    auth: String,
    /// Who listens; for people of a team only.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_data: Option<String>,
}

/// Allows a socket to listen to a conversation. Visitors are counted as readers.
///
/// # Errors
/// `unauthorized`, `validation_failed`, `origin_forbidden`, `throttled`, `forbidden`, `conversation_not_found`,
/// `log_unavailable`.
#[utoipa::path(
    post, path = "/broadcasting/auth", tag = "live",
    request_body(content = AuthoriseRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Authorised, content_type = "application/json")),
    security(("visitor" = []), ("operator" = [])),
)]
#[tracing::instrument(name = "live.authorise", skip_all)]
pub async fn authorise(
    State(app): State<App>,
    Caller { headers, rate, .. }: Caller,
    body: Bytes,
) -> Result<Authorised, ApiError> {
    let token = caller::bearer_token(&headers).ok_or(ApiError::Unauthorized)?;
    let request = AuthoriseRequest::read(&headers, &body)?;
    let channel_data = if let Ok(operator) = app.operators.verify(token) {
        Some(request.by_operator(&app, &operator).await?)
    } else {
        let visitor = Visitor::admit(&app, token, Bucket::Read, &headers, &rate).await?;
        request.by_visitor(&visitor)?;
        None
    };
    let grant = Grant {
        socket_id: &request.socket_id,
        channel: &request.channel_name,
        channel_data: channel_data.as_deref(),
    };
    Ok(Authorised {
        auth: app.app_key.sign(grant),
        channel_data,
    })
}

impl IntoResponse for Authorised {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("texts serialise");
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl AuthoriseRequest {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let request = if kind.is_some_and(|kind| kind.starts_with("application/json")) {
            parse_json(body)?
        } else {
            let mut request = Self::default();
            for (name, value) in form_urlencoded::parse(body) {
                match name.as_ref() {
                    "socket_id" => request.socket_id = value.into_owned(),
                    "channel_name" => request.channel_name = value.into_owned(),
                    _ => {}
                }
            }
            request
        };
        let mut checks = Checks::default();
        if !protocol::is_socket_id(&request.socket_id) {
            checks.refuse("socket_id", "must be two numbers with a dot between them");
        }
        checks.line("channel_name", &request.channel_name, 1..=200);
        checks.finish()?;
        Ok(request)
    }

    fn by_visitor(&self, visitor: &Visitor) -> Result<(), ApiError> {
        let own = protocol::conversation_of(&self.channel_name) == Some(visitor.conversation_id);
        if own { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// Answers who listens.
    async fn by_operator(&self, app: &App, operator: &Operator) -> Result<String, ApiError> {
        if !operator.allows(ScopeName::Read) {
            return Err(ApiError::Forbidden);
        }
        let conversation_id = protocol::conversation_of(&self.channel_name).ok_or(ApiError::ConversationNotFound)?;
        let (_, workspace_id) = workspace_of(app, conversation_id).await?;
        if !operator.may_see(workspace_id) {
            return Err(ApiError::ConversationNotFound);
        }
        let name = operator.name.as_deref().unwrap_or(&operator.sub);
        Ok(json!({ "user_id": operator.sub, "user_info": { "name": name } }).to_string())
    }
}
