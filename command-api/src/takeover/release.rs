//! `POST /api/v1/conversations/{id}/release`: the agent answers again.

use axum::extract::State;
use edge::{Committed, extract::Path};
use events::{ConversationId, conversation::Action};

use super::{Holding, Target};
use crate::{app::App, error::ApiError, guard::operator::Writer};

/// Gives the conversation back to the agent. Releasing what nobody has changes nothing.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `claimed_by_another`, `conversation_closed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/release", tag = "takeover",
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 200, body = Holding)),
)]
#[tracing::instrument(name = "takeover.release", skip_all)]
pub async fn release(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
) -> Result<Committed<Holding>, ApiError> {
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let receipt = target
        .act(
            &app,
            Action::Release {
                operator: caller.person(),
            },
        )
        .await?;
    Ok(Committed::ok(receipt.position, target.holding(&receipt.state)))
}
