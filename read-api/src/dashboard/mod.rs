//! The dashboard at `/`: files that Vite built from `read-api/dashboard`, inside the binary.
//!
//! The page holds nothing of anybody: it asks for a token and calls the APIs with it. No inline code, no other host but the
//! command API's: the policy says so to browsers.

use std::future::ready;

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use edge::Data;
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;

use crate::etag;

#[derive(RustEmbed)]
#[folder = "dashboard/dist"]
struct Files;

/// The addresses of its views, which are all the one page.
const VIEWS: [&str; 7] = [
    "/",
    "/conversations",
    "/conversations/{conversation_id}",
    "/leads",
    "/insights",
    "/questions",
    "/system",
];

const PAGE: &str = "index.html";

/// Names of these files change with their content.
const ASSETS: &str = "assets/";

#[derive(Debug, Clone, Serialize)]
struct PageConfig {
    /// Without it the dashboard only reads.
    command_api: Option<String>,
}

/// The page, its files, and what the page must know. `command_api` is where browsers reach the command API.
pub fn router(command_api: Option<&str>) -> Router {
    let command_api = command_api.map(|url| url.trim_end_matches('/').to_owned());
    let headers = headers(command_api.as_deref());
    let config = PageConfig { command_api };
    let mut router = Router::new().route("/config.json", get(async move || Data { data: config }));
    for view in VIEWS {
        router = router.route(view, get(async |request: HeaderMap| file(PAGE, &request)));
    }
    for path in Files::iter() {
        let address = format!("/{path}");
        router = router.route(&address, get(async move |request: HeaderMap| file(&path, &request)));
    }
    router.layer(map_response(move |response: Response| {
        ready((headers.clone(), response).into_response())
    }))
}

fn file(path: &str, request: &HeaderMap) -> Response {
    let Some(EmbeddedFile { data, metadata }) = Files::get(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&metadata.sha256_hash()[..16]));
    let caching = if path.starts_with(ASSETS) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let is_known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| etag::names(known, &tag));
    let kind = metadata.mimetype().to_owned();
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::CONTENT_TYPE, kind),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, data).into_response()
    }
}

/// What every answer carries.
fn headers(command_api: Option<&str>) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        command_api.unwrap_or_default()
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
    ])
}
