//! How large a body may be and how long it may take; and bodies that need not be there.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{FromRequest, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use edge::{BadInput, extract::Json};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Bodies of the widget's requests, in bytes.
pub const WIDGET_BYTES_MAX: usize = 64 * 1_024;

/// Bodies of documents and definitions, in bytes.
pub const ADMIN_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// A body comes within this.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer begins within this; the longest is a synchronous message with its 25 seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// So much of a body that is too large is read and thrown away, so that its sender gets to read the answer.
const DISCARDED_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Reads the body before anything else is done, then runs the request, both within their time.
pub async fn bounded(State(bytes_max): State<usize>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_TIMEOUT, collect(body, bytes_max)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return error.into_response(),
        Err(_) => return BadInput::TooSlow.into_response(),
    };
    let request = Request::from_parts(parts, Body::from(body));
    match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::TimedOut.into_response(),
    }
}

async fn collect(body: Body, bytes_max: usize) -> Result<Bytes, BadInput> {
    let expected = body.size_hint().lower();
    let mut collected = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).min(bytes_max));
    let mut read = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BadInput::BrokenOff)?;
        read += chunk.len();
        if read > DISCARDED_BYTES_MAX {
            return Err(BadInput::TooLarge);
        }
        if read <= bytes_max {
            collected.extend_from_slice(&chunk);
        }
    }
    if read > bytes_max {
        Err(BadInput::TooLarge)
    } else {
        Ok(collected.into())
    }
}

/// JSON that may be left out, or `null`.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptionalJson<T>(pub T);

impl<T, S> FromRequest<S> for OptionalJson<T>
where
    T: DeserializeOwned + Default,
    S: Send + Sync,
{
    type Rejection = BadInput;
    async fn from_request(request: Request, state: &S) -> Result<Self, BadInput> {
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self(T::default()));
        }
        let Json(value) = Json::<Option<T>>::from_request(request, state).await?;
        Ok(Self(value.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use axum::{
        Router,
        body::to_bytes,
        http::{StatusCode, header},
        middleware::from_fn_with_state,
        routing::post,
    };
    use futures::stream;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_of_the_limit_arrives_as_it_was_sent_and_a_byte_more_does_not() {
        for (bytes_max, limit) in [(WIDGET_BYTES_MAX, 65_536), (ADMIN_BYTES_MAX, 2_097_152)] {
            for (bytes, status) in [(limit, StatusCode::OK), (limit + 1, StatusCode::PAYLOAD_TOO_LARGE)] {
                let sent: Vec<u8> = (0..=u8::MAX).cycle().take(bytes).collect();
                let answer = ask(bytes_max, in_chunks_of(limit / 2, &sent)).await;
                assert_eq!(answer.status(), status, "{bytes}");
                if status == StatusCode::OK {
                    let echoed = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
                    assert!(echoed == sent, "{bytes}");
                }
            }
        }
    }

    #[tokio::test]
    async fn of_a_body_that_is_too_large_four_megabytes_are_read_and_no_more() {
        const MEGABYTE: usize = 1_024 * 1_024;
        for (chunk, read) in [(2 * MEGABYTE, 3), (4 * MEGABYTE, 2), (5 * MEGABYTE, 1)] {
            let taken = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&taken);
            let chunks = stream::iter(0..10).map(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from(vec![0; chunk]))
            });
            let answer = ask(WIDGET_BYTES_MAX, Body::from_stream(chunks)).await;
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(taken.load(Ordering::Relaxed), read, "chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
        let chunks = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("reset"))];
        let answer = ask(WIDGET_BYTES_MAX, Body::from_stream(stream::iter(chunks))).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn json_that_need_not_be_there_is_read_when_it_is() {
        for (body, expected) in [
            ("[7]", Some(vec![7])),
            ("null", Some(vec![])),
            ("", Some(vec![])),
            ("nope", None),
        ] {
            let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
            let request = request.body(Body::from(body)).expect("a request");
            let read = OptionalJson::<Vec<u8>>::from_request(request, &()).await;
            assert_eq!(read.ok().map(|OptionalJson(value)| value), expected, "{body}");
        }
    }

    /// Sends the body to a handler that answers what it got.
    async fn ask(bytes_max: usize, body: Body) -> Response {
        let router = Router::new()
            .route("/", post(async |request: Request| request.into_body()))
            .layer(from_fn_with_state(bytes_max, bounded));
        let request = Request::post("/").body(body).expect("a request");
        router.oneshot(request).await.expect("an answer")
    }

    fn in_chunks_of(bytes: usize, sent: &[u8]) -> Body {
        let chunks: Vec<_> = sent
            .chunks(bytes)
            .map(Bytes::copy_from_slice)
            .map(Ok::<_, Infallible>)
            .collect();
        Body::from_stream(stream::iter(chunks))
    }
}
