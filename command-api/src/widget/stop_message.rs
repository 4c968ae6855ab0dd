//! `POST /messages/{id}/stop`: the visitor has read enough.

use axum::extract::State;
use edge::{Committed, extract::Path};
use events::{Log, MessageId, Subject, conversation::Action, tokens};
use serde::Serialize;

use crate::{app::App, error::ApiError, guard::visitor::Visitor};

/// The answer stops as soon as its responder hears of it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Stopping {
    message_id: MessageId,
}

/// Stops an answer; what there is of it is kept. Stopping twice, or too late, changes nothing.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `message_not_found`, `log_unavailable`.
#[utoipa::path(
    post, path = "/messages/{message_id}/stop", tag = "widget",
    params(("message_id" = MessageId, Path, description = "From the header `Diagent-Message-Id`")),
    responses((status = 202, body = Stopping)),
)]
#[tracing::instrument(name = "widget.message.stop", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn stop_message(
    State(app): State<App>,
    visitor: Visitor,
    Path(message_id): Path<String>,
) -> Result<Committed<Stopping>, ApiError> {
    let message_id: MessageId = message_id.parse().map_err(|_| ApiError::MessageNotFound)?;
    let receipt = visitor.act(&app, Action::RequestStop { message_id }).await?;
    if !receipt.events.is_empty() {
        tell_responder(&app.log, visitor.conversation(), message_id).await;
    }
    Ok(Committed::accepted(receipt.position, Stopping { message_id }))
}

/// Wakes the responder that writes the answer. The log has the wish already, so a lost call only costs tokens.
pub(crate) async fn tell_responder(log: &Log, conversation: Subject, answer_id: MessageId) {
    let Subject::Conversation { conversation_id, .. } = conversation else {
        return;
    };
    let subject = tokens::stop_subject(conversation_id, answer_id);
    if let Err(error) = log.client().publish(subject, bytes::Bytes::new()).await {
        tracing::warn!(message.id = %answer_id, error = &error as &dyn std::error::Error, "a stop is not told");
    }
}
