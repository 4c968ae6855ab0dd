//! The request's id, its one log line, and its figures. No query, no body, no address: nothing personal.

use std::{any::Any, error::Error, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::Response,
};
use events::EventId;
use tower_http::catch_panic::CatchPanicLayer;

use crate::envelope::{Answer, Cause, Failure, failure_response};

/// Names a request; a caller's own id is taken over.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const REQUEST_ID_MAX: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered; empty outside of one.
pub fn request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// What surrounds every route: id, log line, figures, and envelopes for what no route answers.
pub fn layers(router: Router, role: &'static str) -> Router {
    router
        .fallback(async || failure_response(Unrouted::NotFound))
        .method_not_allowed_fallback(async || failure_response(Unrouted::MethodNotAllowed))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            observe(role, request, next)
        }))
}

/// What no handler answered.
#[derive(Debug, thiserror::Error)]
enum Unrouted {
    #[error("There is no such thing here.")]
    NotFound,
    #[error("This cannot be done here.")]
    MethodNotAllowed,
    #[error("This is our fault; it has been noted.")]
    Panicked,
}

impl Failure for Unrouted {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound => Answer::new(StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => Answer::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Panicked => Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    failure_response(Unrouted::Panicked)
}

async fn observe(role: &'static str, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = inbound_id(&request).unwrap_or_else(|| EventId::generate().to_string());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    let elapsed = started.elapsed();
    let status = response.status();

    let labels = [
        ("role", role.to_owned()),
        ("route", route.clone()),
        ("method", method.to_string()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(elapsed);

    let milliseconds = elapsed.as_millis();
    let cause = response
        .extensions()
        .get::<Cause>()
        .map(|Cause(error)| chain(error.as_ref()));
    let cause = cause.as_deref();
    if status.is_server_error() {
        tracing::error!(role, %method, route, status = status.as_u16(), duration_ms = milliseconds, request.id = %id, cause, "request");
    } else {
        tracing::info!(role, %method, route, status = status.as_u16(), duration_ms = milliseconds, request.id = %id, cause, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn inbound_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && !id.is_empty() && id.len() <= REQUEST_ID_MAX).then(|| id.to_owned())
}

/// An error and what caused it, each saying only itself.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
