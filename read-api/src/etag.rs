//! Reads that ask whether anything has changed: a body that the caller has already is answered with 304 and nothing else.
//!
//! The tag is a hash of the answer. It saves the way to the caller and the caller's work, not the query: dashboards look
//! every few seconds, and what they look at changes seldom.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Bytes of the hash that are told.
const TAG_BYTES: usize = 16;

/// Tags JSON answers. Streams (CSV, events) are passed on as they come.
pub async fn tag(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_read = request.method() == Method::GET;
    let response = next.run(request).await;
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if !is_read || response.status() != StatusCode::OK || !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // JSON answers are in memory already, bounded by their own limits.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = weak(&body);
    let is_known = known.is_some_and(|known| names(&known, &tag));
    parts.headers.extend(headers(&tag));
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// What is compressed on the way is another representation: the tag is weak.
fn weak(body: &Bytes) -> String {
    let hash = Sha256::digest(body);
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..TAG_BYTES]))
}

fn headers(tag: &str) -> HeaderMap {
    let tag = HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static(""));
    HeaderMap::from_iter([
        (header::ETAG, tag),
        // What one caller may see, another may not.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ])
}

/// Whether `If-None-Match` names the tag.
pub(crate) fn names(known: &HeaderValue, tag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known == tag)
    })
}
