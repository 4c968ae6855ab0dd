//! `POST /conversation/close`: the visitor is done.

use axum::extract::State;
use events::conversation::{Action, ClosedBy};

use super::stop_message::tell_responder;
use crate::{app::App, committed::Recorded, error::ApiError, guard::visitor::Visitor};

/// Ends the conversation: nothing is posted to it any more, and the next `init` begins another. Closing twice changes nothing.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `log_unavailable`.
#[utoipa::path(post, path = "/conversation/close", tag = "widget", responses((status = 204)))]
#[tracing::instrument(name = "widget.conversation.close", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn close_conversation(State(app): State<App>, visitor: Visitor) -> Result<Recorded, ApiError> {
    let receipt = visitor.act(&app, Action::Close { by: ClosedBy::Visitor }).await?;
    if let Some(answer_id) = receipt.state.last_turn() {
        tell_responder(&app.log, visitor.conversation(), answer_id).await;
    }
    Ok(Recorded(receipt.position))
}
