//! `POST /api/v1/conversations/{id}/claim`: a person answers from now on.

use axum::extract::State;
use edge::{Committed, extract::Path};
use events::{ConversationId, conversation::Action};
use serde::Deserialize;

use super::{Holding, Target};
use crate::{
    app::App,
    error::ApiError,
    guard::{body::OptionalJson, operator::Writer},
};

/// How a conversation is taken.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The `claimed_by_id` of somebody who has the conversation and is gone: it is taken from them, and from nobody else.
    instead_of: Option<String>,
}

/// Takes the conversation over: the agent is silent, and an answer that is being written ends. Claiming twice changes nothing.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `validation_failed`, `claimed_by_another`, `conversation_closed`,
/// `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/claim", tag = "takeover", request_body = Option<ClaimRequest>,
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 200, body = Holding)),
)]
#[tracing::instrument(name = "takeover.claim", skip_all)]
pub async fn claim(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
    OptionalJson(request): OptionalJson<ClaimRequest>,
) -> Result<Committed<Holding>, ApiError> {
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let claim = Action::Claim {
        operator: caller.person(),
        instead_of: request.instead_of,
    };
    let receipt = target.act(&app, claim).await?;
    target.silence(&app, &receipt).await;
    Ok(Committed::ok(receipt.position, target.holding(&receipt.state)))
}
