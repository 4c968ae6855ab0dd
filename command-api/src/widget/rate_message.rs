//! `POST /messages/{id}/feedback`: the visitor's verdict on one answer.

use axum::extract::State;
use edge::extract::{Json, Path};
use events::{
    MessageId,
    conversation::{Action, Rating},
};
use serde::Deserialize;

use crate::{
    app::App,
    checks::{Checks, none_if_blank},
    committed::Recorded,
    error::ApiError,
    guard::visitor::Visitor,
};

/// The longest comment on an answer or a conversation, in characters.
pub(super) const COMMENT_CHARS_MAX: usize = 2_000;

/// A verdict.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct FeedbackRequest {
    /// `null` takes an earlier verdict back.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    rating: Option<Rating>,
    comment: Option<String>,
}

/// `null` is a value here, a missing field is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Rating>, D::Error> {
    Option::deserialize(deserializer)
}

/// Rates an answer; the last verdict counts.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `message_not_found`, `log_unavailable`.
#[utoipa::path(
    post, path = "/messages/{message_id}/feedback", tag = "widget", request_body = FeedbackRequest,
    params(("message_id" = MessageId, Path, description = "From the header `Diagent-Message-Id`")),
    responses((status = 204)),
)]
#[tracing::instrument(name = "widget.message.rate", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn rate_message(
    State(app): State<App>,
    visitor: Visitor,
    Path(message_id): Path<String>,
    Json(request): Json<FeedbackRequest>,
) -> Result<Recorded, ApiError> {
    let message_id: MessageId = message_id.parse().map_err(|_| ApiError::MessageNotFound)?;
    let FeedbackRequest { rating, comment } = request;
    let comment = checked_comment(comment)?.map(Into::into);
    let receipt = visitor
        .act(
            &app,
            Action::RateMessage {
                message_id,
                rating,
                comment,
            },
        )
        .await?;
    Ok(Recorded(receipt.position))
}

/// A comment that fits; a blank one is none.
pub(super) fn checked_comment(comment: Option<String>) -> Result<Option<String>, ApiError> {
    let comment = none_if_blank(comment);
    let mut checks = Checks::default();
    if let Some(comment) = &comment {
        checks.text("comment", comment, 1..=COMMENT_CHARS_MAX);
    }
    checks.finish()?;
    Ok(comment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_may_be_null_but_not_missing() {
        let read = |text| {
            serde_json::from_str::<FeedbackRequest>(text)
                .map(|request| request.rating)
                .ok()
        };
        assert_eq!(read(r#"{"rating":"up"}"#), Some(Some(Rating::Up)));
        assert_eq!(read(r#"{"rating":null}"#), Some(None));
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"rating":"sideways"}"#), None);
    }
}
