//! `GET /messages/{id}/stream`: goes on with an answer from any line, on any instance.

use axum::{extract::State, http::HeaderMap, response::Response};
use edge::extract::{Path, Query};
use events::{MessageId, conversation::Conversation};
use serde::Deserialize;

use crate::{
    app::App,
    committed::message_id_header,
    error::ApiError,
    guard::visitor::Visitor,
    relay::{self, Turn},
};

/// Where to go on.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ResumeQuery {
    /// The last `id:` that the client has; `Last-Event-ID` says the same and wins.
    after: Option<String>,
}

/// Streams the rest of an answer: what was missed, then what comes. A finished one ends at once.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `message_not_found`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    get, path = "/messages/{message_id}/stream", tag = "widget",
    params(
        ("message_id" = MessageId, Path, description = "From the header `Diagent-Message-Id`"),
        ("last-event-id" = Option<u32>, Header, description = "The last `id:` that the client has"),
        ResumeQuery,
    ),
    responses((status = 200, content_type = "text/event-stream", body = String)),
)]
#[tracing::instrument(name = "widget.message.resume", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn resume_stream(
    State(app): State<App>,
    visitor: Visitor,
    Path(message_id): Path<String>,
    Query(query): Query<ResumeQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let answer_id: MessageId = message_id.parse().map_err(|_| ApiError::MessageNotFound)?;
    let seen = last_seen(&headers, query.after.as_deref())?;
    let state = app.log.load::<Conversation>(&visitor.conversation()).await?.state;
    if state.post_of_turn(answer_id).is_none() {
        return Err(ApiError::MessageNotFound);
    }
    let ids = (visitor.conversation_id, answer_id);
    let followed = Turn::follow(&app.log, visitor.conversation(), ids, seen).await;
    let mut turn = followed.map_err(ApiError::BusUnavailable)?;
    turn.catch_up().await;
    let mut response = relay::stream(&app, turn, None);
    response.headers_mut().extend([message_id_header(answer_id)]);
    Ok(response)
}

/// An empty `Last-Event-ID` is what a browser sends that has seen none.
fn last_seen(headers: &HeaderMap, after: Option<&str>) -> Result<Option<u32>, ApiError> {
    let header = headers
        .get("last-event-id")
        .map(|value| value.to_str().unwrap_or("?").trim());
    match header
        .filter(|text| !text.is_empty())
        .or(after)
        .filter(|text| !text.is_empty())
    {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(index) => Ok(Some(index)),
            Err(_) => Err(ApiError::field(
                "after",
                "must be the number of a line, as `id:` says it",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_of_a_line_is_a_place_and_nothing_else_is(index: u32, sent: Vec<u8>, query in prop::option::of("(?s).{0,12}")) {
            let of = |header: Vec<u8>| {
                let value = HeaderValue::from_bytes(&header).ok()?;
                let headers = HeaderMap::from_iter([(HeaderName::from_static("last-event-id"), value)]);
                last_seen(&headers, query.as_deref()).ok()
            };
            prop_assert_eq!(of(index.to_string().into_bytes()), Some(Some(index)));
            let text = String::from_utf8_lossy(&sent).trim().to_owned();
            if let Some(Some(seen)) = of(sent).filter(|_| !text.is_empty()) {
                prop_assert_eq!(text.parse(), Ok(seen));
            }
        }
    }

    #[test]
    fn where_to_go_on_by_table() {
        let table = [
            (None, None, Some(None)),
            (None, Some("4"), Some(Some(4))),
            (Some("7"), Some("4"), Some(Some(7))),
            (Some(""), Some("4"), Some(Some(4))),
            (Some(""), None, Some(None)),
            (Some("-1"), None, None),
            (None, Some("x"), None),
        ];
        for (header, after, expected) in table {
            let mut headers = HeaderMap::new();
            headers
                .extend(header.map(|text| (HeaderName::from_static("last-event-id"), HeaderValue::from_static(text))));
            assert_eq!(last_seen(&headers, after).ok(), expected, "{header:?} {after:?}");
        }
    }
}
