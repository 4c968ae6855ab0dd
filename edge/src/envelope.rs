//! `{"data": …}` and `{"error": {"code", "message", "request_id"}}`: every answer is one of them.

#![expect(
    clippy::disallowed_types,
    reason = "the envelope itself is what the others answer with"
)]

use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events::Position;
use serde::Serialize;

use crate::request::request_id;

/// Where a write stands in the log: `<partition>:<sequence>`.
pub const POSITION: HeaderName = HeaderName::from_static("diagent-position");

/// A successful answer: `{"data": …}`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Data<T> {
    pub data: T,
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The answer to a write: [`Data`], and where the write stands, for reads that must see it.
#[derive(Debug, Clone)]
pub struct Committed<T> {
    pub status: StatusCode,
    pub position: Position,
    pub data: T,
}

impl<T> Committed<T> {
    /// 200: it is done.
    pub const fn ok(position: Position, data: T) -> Self {
        Self {
            status: StatusCode::OK,
            position,
            data,
        }
    }

    /// 201: it is new.
    pub const fn created(position: Position, data: T) -> Self {
        Self {
            status: StatusCode::CREATED,
            position,
            data,
        }
    }

    /// 202: it is stored, and takes effect soon.
    pub const fn accepted(position: Position, data: T) -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            position,
            data,
        }
    }
}

impl<T: Serialize> IntoResponse for Committed<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, Data { data: self.data }).into_response();
        response.headers_mut().insert(POSITION, position_value(self.position));
        response
    }
}

/// A position as a header value.
pub fn position_value(position: Position) -> HeaderValue {
    HeaderValue::from_str(&position.to_string()).unwrap_or(HeaderValue::from_static(""))
}

/// What a caller is told of a failure.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    /// Stable, in `snake_case`.
    pub code: &'static str,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Which fields of the input are wrong.
    pub fields: Vec<FieldError>,
}

impl Answer {
    /// A failure that trying again does not mend.
    pub const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            retry_after: None,
            fields: Vec::new(),
        }
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub const fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }
}

/// One wrong field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Its path, for example `fields.company`.
    pub field: String,
    /// A sentence for the caller.
    pub message: String,
}

/// An error that a caller gets: its `Display` is the sentence, its sources are for the log.
pub trait Failure: Error + Send + Sync + 'static {
    /// Status, code and wait.
    fn answer(&self) -> Answer;
}

/// The error behind an answer, for the request log.
#[derive(Clone)]
pub struct Cause(pub Arc<dyn Error + Send + Sync>);

/// The body of a failure.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// Stable, in `snake_case`.
    #[schema(example = "origin_forbidden")]
    code: &'static str,
    /// A sentence for people.
    message: String,
    /// What to quote when asking for help.
    request_id: String,
    /// Which fields of the input are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldError>,
}

/// The answer for `failure`; the request log finds the cause in its extensions.
pub fn failure_response(failure: impl Failure) -> Response {
    let Answer {
        status,
        code,
        retry_after,
        fields,
    } = failure.answer();
    let error = ErrorDetail {
        code,
        message: failure.to_string(),
        request_id: request_id(),
        fields,
    };
    let mut response = (status, Json(ErrorBody { error })).into_response();
    if let Some(wait) = retry_after {
        // Whole seconds, and never "at once" for what is not over yet.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    response.extensions_mut().insert(Cause(Arc::new(failure)));
    response
}
