//! `POST /conversation/satisfaction`: the visitor's verdict on the conversation.

use axum::extract::State;
use edge::extract::Json;
use events::conversation::{Action, Satisfaction};
use serde::Deserialize;

use super::rate_message::checked_comment;
use crate::{app::App, committed::Recorded, error::ApiError, guard::visitor::Visitor};

/// A verdict.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct SatisfactionRequest {
    rating: Satisfaction,
    comment: Option<String>,
}

/// Rates the conversation; the last verdict counts.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversation/satisfaction", tag = "widget", request_body = SatisfactionRequest,
    responses((status = 204)),
)]
#[tracing::instrument(name = "widget.conversation.rate", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn rate_conversation(
    State(app): State<App>,
    visitor: Visitor,
    Json(request): Json<SatisfactionRequest>,
) -> Result<Recorded, ApiError> {
    let SatisfactionRequest { rating, comment } = request;
    let comment = checked_comment(comment)?.map(Into::into);
    let receipt = visitor.act(&app, Action::RateConversation { rating, comment }).await?;
    Ok(Recorded(receipt.position))
}
