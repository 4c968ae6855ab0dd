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
