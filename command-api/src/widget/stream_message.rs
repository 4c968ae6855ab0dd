//! `POST /messages/stream`: the visitor writes and reads the answer while it is written.
//!
//! Contract, "POST /v1/widget/messages/stream". The log has the message before the first byte goes out.

use std::time::Instant;

use axum::{extract::State, response::Response};
use edge::extract::Json;

use super::posting::{MessageRequest, Posted, Reply, nothing_follows};
use crate::{
    app::App,
    committed::{message_id_header, position_header},
    error::ApiError,
    guard::visitor::Visitor,
    relay,
};

/// Posts a message and streams its answer: `token` events, `citations` once, then `done`.
///
/// A failed answer ends with an `error` event. `restart` says that the answer starts anew and what was shown is void.
/// A closed connection stops nothing: `GET /messages/{id}/stream` goes on where it was.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `turn_in_progress`, `conversation_closed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/messages/stream", tag = "widget", request_body = MessageRequest,
    responses((status = 200, content_type = "text/event-stream", body = String)),
)]
#[tracing::instrument(name = "widget.message.stream", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn stream_message(
    State(app): State<App>,
    visitor: Visitor,
    Json(request): Json<MessageRequest>,
) -> Result<Response, ApiError> {
    let asked_at = Instant::now();
    let Posted { position, reply } = request.post(&app, &visitor).await?;
    let (message_id, mut response) = match reply {
        Reply::Turn { turn, fresh } => (turn.answer_id(), relay::stream(&app, *turn, fresh.then_some(asked_at))),
        Reply::Person { message_id } => (
            message_id,
            relay::stream_nothing(&nothing_follows(&visitor, message_id)),
        ),
    };
    response
        .headers_mut()
        .extend([message_id_header(message_id), position_header(position)]);
    Ok(response)
}
