//! `POST /conversation/clear`: a blank page.

use axum::extract::State;
use edge::Committed;
use events::{Timestamp, conversation::Action};
use serde::Serialize;

use super::stop_message::tell_responder;
use crate::{app::App, error::ApiError, guard::visitor::Visitor};

/// The page is blank from this moment on.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Cleared {
    cleared_at: Timestamp,
}

/// Hides what came before from the visitor and from the model; the log keeps it. Ends an answer that is being written.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `log_unavailable`.
#[utoipa::path(post, path = "/conversation/clear", tag = "widget", responses((status = 200, body = Cleared)))]
#[tracing::instrument(name = "widget.conversation.clear", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn clear_conversation(State(app): State<App>, visitor: Visitor) -> Result<Committed<Cleared>, ApiError> {
    let receipt = visitor.act(&app, Action::Clear).await?;
    if let Some(answer_id) = receipt.state.last_turn() {
        tell_responder(&app.log, visitor.conversation(), answer_id).await;
    }
    let cleared_at = receipt.state.cleared_at().unwrap_or_else(|| app.now());
    Ok(Committed::ok(receipt.position, Cleared { cleared_at }))
}
