//! Answers to writes that have nothing to say but where they stand in the log.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use edge::envelope::{POSITION, position_value};
use events::{MessageId, Position};

/// The header that names the answer which a request opened or found.
const MESSAGE_ID_HEADER: &str = "diagent-message-id";

/// 204, with the position of what was written.
#[derive(Debug, Clone, Copy)]
pub struct Recorded(pub Position);

impl IntoResponse for Recorded {
    fn into_response(self) -> Response {
        (StatusCode::NO_CONTENT, [position_header(self.0)]).into_response()
    }
}

/// The header for `position`.
pub fn position_header(position: Position) -> (HeaderName, HeaderValue) {
    (POSITION, position_value(position))
}

/// The header for the answer `message_id`.
pub fn message_id_header(message_id: MessageId) -> (HeaderName, HeaderValue) {
    // A ULID is printable ASCII.
    let text = HeaderValue::from_str(&message_id.to_string());
    (
        HeaderName::from_static(MESSAGE_ID_HEADER),
        text.unwrap_or(HeaderValue::from_static("")),
    )
}
