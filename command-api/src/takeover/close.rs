//! `POST /api/v1/conversations/{id}/close`: it is over.

use axum::extract::State;
use edge::{Committed, extract::Path};
use events::{
    ConversationId,
    conversation::{Action, ClosedBy},
};

use super::{Holding, Target};
use crate::{app::App, error::ApiError, guard::operator::Writer};

/// Ends the conversation, whoever has it. Closing twice changes nothing.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/close", tag = "takeover",
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 200, body = Holding)),
)]
#[tracing::instrument(name = "takeover.close", skip_all)]
pub async fn close(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
) -> Result<Committed<Holding>, ApiError> {
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let receipt = target.act(&app, Action::Close { by: ClosedBy::Operator }).await?;
    target.silence(&app, &receipt).await;
    Ok(Committed::ok(receipt.position, target.holding(&receipt.state)))
}
