//! `POST /conversation/request-human`: the visitor asks for a person.

use axum::extract::State;
use edge::Committed;
use events::conversation::Action;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    checks::{Checks, none_if_blank},
    error::ApiError,
    guard::{body::OptionalJson, visitor::Visitor},
};

const REASON_CHARS_MAX: usize = 2_000;

/// Why, if the visitor says so. The body may be left out.
#[derive(Default, Deserialize, utoipa::ToSchema)]
pub struct HumanRequest {
    reason: Option<String>,
}

/// Whether somebody is there already.
#[derive(Serialize, utoipa::ToSchema)]
pub struct HumanRequested {
    /// A person has the conversation.
    claimed: bool,
}

/// Asks for a person of the site's team. Asking twice changes nothing.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `conversation_closed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/conversation/request-human", tag = "widget", request_body = Option<HumanRequest>,
    responses((status = 202, body = HumanRequested)),
)]
#[tracing::instrument(name = "widget.conversation.request_human", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn request_human(
    State(app): State<App>,
    visitor: Visitor,
    OptionalJson(request): OptionalJson<HumanRequest>,
) -> Result<Committed<HumanRequested>, ApiError> {
    let reason = none_if_blank(request.reason);
    let mut checks = Checks::default();
    if let Some(reason) = &reason {
        checks.text("reason", reason, 1..=REASON_CHARS_MAX);
    }
    checks.finish()?;
    let receipt = visitor
        .act(
            &app,
            Action::RequestHuman {
                reason: reason.map(Into::into),
            },
        )
        .await?;
    let claimed = receipt.state.claimed_by().is_some();
    Ok(Committed::accepted(receipt.position, HumanRequested { claimed }))
}
