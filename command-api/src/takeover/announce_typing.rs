//! `POST /api/v1/conversations/{id}/typing`: the person who has the conversation types.

use axum::{extract::State, http::StatusCode};
use edge::extract::Path;
use events::{ConversationId, conversation::Conversation};

use super::Target;
use crate::{
    app::App,
    error::ApiError,
    guard::{body::OptionalJson, operator::Writer},
    widget::show_typing::{Typing, TypingRequest},
};

/// Shows the visitor that somebody types; stored nowhere. Only the person who has the conversation may.
///
/// # Errors
/// `unauthorized`, `forbidden`, `conversation_not_found`, `validation_failed`, `not_claimed`, `claimed_by_another`,
/// `log_unavailable`.
#[utoipa::path(
    post, path = "/conversations/{conversation_id}/typing", tag = "takeover", request_body = Option<TypingRequest>,
    params(("conversation_id" = ConversationId, Path)),
    responses((status = 204)),
)]
#[tracing::instrument(name = "takeover.typing", skip_all)]
pub async fn announce_typing(
    State(app): State<App>,
    Writer(caller): Writer,
    Path(conversation_id): Path<String>,
    OptionalJson(request): OptionalJson<TypingRequest>,
) -> Result<StatusCode, ApiError> {
    let target = Target::find(&app, &caller, &conversation_id).await?;
    let person = caller.person();
    let state = app.log.load::<Conversation>(&target.subject).await?.state;
    match state.claimed_by() {
        Some(holder) if holder.id == person.id => {}
        Some(holder) => {
            return Err(ApiError::ClaimedByAnother {
                name: holder.name.clone(),
            });
        }
        None => return Err(ApiError::NotClaimed),
    }
    let typing = Typing::by_operator(person.name, request, app.now());
    typing.tell(&app, target.conversation_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
