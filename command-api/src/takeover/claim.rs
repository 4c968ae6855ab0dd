//! `POST /api/v1/conversations/{id}/claim`: a person answers from now on.

use axum::extract::State;
use edge::{Committed, extract::Path};
use events::{ConversationId, conversation::Action};

use super::{Holding, Target};
use crate::{app::App, error::ApiError, guard::operator::Writer};

/// Takes the conversation over: the agent is silent, and an answer that is being written ends. Claiming twice changes nothing.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `claimed_by_another`, `conversation_closed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/claim", tag = "takeover",
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 200, body = Holding)),
)]
#[tracing::instrument(name = "takeover.claim", skip_all)]
pub async fn claim(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
) -> Result<Committed<Holding>, ApiError> {
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let receipt = target
        .act(
            &app,
            Action::Claim {
                operator: caller.person(),
            },
        )
        .await?;
    target.silence(&app, &receipt).await;
    Ok(Committed::ok(receipt.position, target.holding(&receipt.state)))
}
