//! The widget's files, as browsers on customers' sites load them: `/widget.js` and, when the chat is opened, `/widget/<chunk>`.
//!
//! They are built from `widget/` and committed, so that a build of this binary needs no Node; `.ci/run` builds them again and
//! compares. The script has one address for ever and is asked for again on every page (`ETag`, 304); a chunk's name holds a
//! hash of its content, so it is never asked for twice.

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;

use crate::etag;

#[derive(RustEmbed)]
#[folder = "../widget/dist"]
struct Files;

/// What a site embeds.
const SCRIPT: &str = "widget.js";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

const ASK_AGAIN: HeaderValue = HeaderValue::from_static("public, no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The files. They are nobody's in particular: no token, no origin is asked for.
pub fn router() -> Router {
    let mut router = Router::new();
    for name in Files::iter() {
        let is_script = name == SCRIPT;
        let path = if is_script {
            format!("/{name}")
        } else {
            format!("/widget/{name}")
        };
        let caching = if is_script { ASK_AGAIN } else { FOR_EVER };
        let serve = get(async move |request: HeaderMap| file(&name, caching, &request));
        router = router.route(&path, serve);
    }
    router.layer(CompressionLayer::new())
}

fn file(name: &str, caching: HeaderValue, request: &HeaderMap) -> Response {
    let Some(EmbeddedFile { data, metadata }) = Files::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", hex::encode(&metadata.sha256_hash()[..16]));
    // What is compressed on the way is another representation of the same: the tag is a weak one.
    let weak = HeaderValue::try_from(format!("W/{tag}")).expect("hexadecimal digits");
    let headers = HeaderMap::from_iter([
        (header::ETAG, weak),
        (header::CACHE_CONTROL, caching),
        // Modules are loaded with CORS, whoever embeds them.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
        (TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    if etag::is_known(request, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(header::CONTENT_TYPE, format!("{}; charset=utf-8", metadata.mimetype()))];
    (headers, kind, data).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::Request};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn the_script_is_asked_for_again_and_known() {
        let first = fetch("/widget.js", &[]).await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CACHE_CONTROL], ASK_AGAIN);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let tag = first.headers()[header::ETAG].clone();
        let again = fetch("/widget.js", &[(header::IF_NONE_MATCH, tag.to_str().expect("ASCII"))]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[header::ETAG], tag);
    }

    #[tokio::test]
    async fn every_chunk_that_the_script_names_is_served_for_ever_to_every_site() {
        let script = Files::get(SCRIPT).expect("it is built").data;
        let script = str::from_utf8(&script).expect("UTF-8");
        let chunks: Vec<_> = Files::iter().filter(|name| name != SCRIPT).collect();
        assert!(!chunks.is_empty());
        for name in chunks {
            assert!(
                script.contains(&*name),
                "{name} is named by the script, or it is a left-over"
            );
            let answer = fetch(&format!("/widget/{name}"), &[(header::ORIGIN, "https://shop.example")]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], FOR_EVER);
            assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
    }

    #[tokio::test]
    async fn files_are_compressed_for_browsers() {
        let plain = fetch("/widget.js", &[]).await;
        let small = fetch("/widget.js", &[(header::ACCEPT_ENCODING, "gzip, deflate, br")]).await;
        assert_eq!(small.headers()[header::CONTENT_ENCODING], "gzip");
        let bytes = async |answer: Response| to_bytes(answer.into_body(), usize::MAX).await.expect("a body").len();
        assert!(bytes(small).await * 2 < bytes(plain).await);
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        for path in [
            "/widget/widget.js",
            "/widget/panel.js",
            "/widget/..%2Fwidget.js",
            "/widget/",
        ] {
            assert_eq!(fetch(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    async fn fetch(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(axum::body::Body::empty()).expect("a request");
        router().oneshot(request).await.expect("an answer")
    }
}
