//! `POST /api/v1/conversations/{id}/reply`: the person who has the conversation writes.

use axum::extract::State;
use edge::{
    Committed,
    extract::{Json, Path},
};
use events::{ConversationId, MessageId, Personal, conversation::Action};
use serde::{Deserialize, Serialize};

use super::Target;
use crate::{app::App, checks::Checks, error::ApiError, guard::operator::Writer};

const CONTENT_CHARS_MAX: usize = 8_000;

/// A message of the team.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyRequest {
    /// 1 to 8000 characters.
    #[schema(min_length = 1, max_length = 8_000)]
    content: String,
    /// The client's own name of this message, 1 to 128 characters. A repeat of it is the same message: it is written once.
    client_message_id: Option<String>,
}

/// The message is in the log.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Replied {
    conversation_id: ConversationId,
    message_id: MessageId,
}

/// Writes to the visitor. Only the person who has the conversation may.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `validation_failed`, `not_claimed`, `claimed_by_another`,
/// `conversation_closed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/reply", tag = "takeover", request_body = ReplyRequest,
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 201, body = Replied)),
)]
#[tracing::instrument(name = "takeover.reply", skip_all)]
pub async fn reply(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
    Json(request): Json<ReplyRequest>,
) -> Result<Committed<Replied>, ApiError> {
    let content = request.content.trim();
    let mut checks = Checks::default();
    checks.text("content", content, 1..=CONTENT_CHARS_MAX);
    checks.client_message_id(request.client_message_id.as_deref());
    checks.finish()?;
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let operator = caller.person();
    let message_id = match &request.client_message_id {
        Some(name) => MessageId::derive(target.conversation_id, &operator.id, name),
        None => MessageId::generate(),
    };
    let action = Action::Reply {
        message_id,
        content: Personal::from(content),
        operator,
    };
    let receipt = target.act(&app, action).await?;
    let conversation_id = target.conversation_id;
    Ok(Committed::created(
        receipt.position,
        Replied {
            conversation_id,
            message_id,
        },
    ))
}
