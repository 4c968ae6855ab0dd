//! Cross-origin headers on every answer of the widget's paths, also on errors: a widget that cannot read its 403 shows nothing.
//!
//! Which site may use an agent is decided by `origin.rs`; here any origin is answered, without credentials, as the contract
//! says ("CORS is permissive"). The team's paths answer the dashboard's origins alone.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::dashboard::DashboardOrigins;

/// The paths that browsers on customers' sites call.
const WIDGET_PATHS: &str = "/api/v1/widget";
const ALL_PATHS: &str = "/api/v1/";

/// Asked by clients of the Pusher protocol on the same sites.
const AUTHORISE_PATH: &str = "/broadcasting/auth";

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("600");
const REQUEST_HEADERS: &str = "authorization, content-type, last-event-id, if-none-match, traceparent, x-request-id";
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Diagent-Position, Diagent-Message-Id, ETag, X-Request-Id",
);

/// Headers of our own that a client may send, whatever they are called.
const OWN_PREFIX: &str = "diagent-";

/// Answers preflights and adds the headers to everything else.
pub async fn cross_origin(State(dashboard): State<DashboardOrigins>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let path = request.uri().path();
    let is_of_dashboard =
        path.starts_with(ALL_PATHS) && origin.as_ref().is_some_and(|origin| dashboard.contain(origin));
    if !is_of_widget(path) && !is_of_dashboard {
        return next.run(request).await;
    }
    let mut response = if request.method() == Method::OPTIONS {
        preflight(request.headers())
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

fn is_of_widget(path: &str) -> bool {
    let rest = path.strip_prefix(WIDGET_PATHS);
    path == AUTHORISE_PATH || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    if let Ok(allowed) = HeaderValue::from_str(&allowed_headers(request)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    response
}

/// The known headers, and those of our own that the browser asks for: CORS knows no prefixes.
fn allowed_headers(request: &HeaderMap) -> String {
    let asked = request
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .and_then(|value| value.to_str().ok());
    let own = asked
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| {
            name.starts_with(OWN_PREFIX) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    own.fold(REQUEST_HEADERS.to_owned(), |all, name| format!("{all}, {name}"))
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state};
    use tower::ServiceExt as _;

    use super::*;

    const SHOP: &str = "https://shop.example";
    const TEAM: &str = "https://team.example";

    #[tokio::test]
    async fn browsers_on_other_sites_read_what_is_theirs_by_table() {
        let table = [
            ("/api/v1/widget", SHOP, true),
            ("/api/v1/widget/init", SHOP, true),
            ("/broadcasting/auth", SHOP, true),
            ("/api/v1/widgets", SHOP, false),
            ("/broadcasting/auth/", SHOP, false),
            ("/api/v1/conversations/7/claim", SHOP, false),
            ("/api/v1/conversations/7/claim", TEAM, true),
            ("/api/v1/widget/init", TEAM, true),
            ("/docs", TEAM, false),
            ("/docs", SHOP, false),
        ];
        for (path, origin, reads) in table {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let answer = ask(&method, path, Some(origin)).await;
                let is_preflight = reads && method == Method::OPTIONS;
                let status = if is_preflight {
                    StatusCode::NO_CONTENT
                } else {
                    StatusCode::IM_A_TEAPOT
                };
                assert_eq!(answer.status(), status, "{method} {path} {origin}");
                let allowed = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
                let expected = reads.then(|| HeaderValue::from_static(origin));
                assert_eq!(allowed, expected.as_ref(), "{method} {path} {origin}");
                assert_eq!(
                    answer.headers().contains_key(header::VARY),
                    reads,
                    "{method} {path} {origin}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_preflight_says_what_may_be_sent_and_an_answer_what_may_be_read() {
        let preflight = ask(&Method::OPTIONS, "/api/v1/widget/init", Some(SHOP)).await;
        assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], METHODS);
        assert_eq!(
            preflight.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS],
            REQUEST_HEADERS
        );
        assert_eq!(preflight.headers()[header::ACCESS_CONTROL_MAX_AGE], MAX_AGE_SECONDS);
        let answer = ask(&Method::GET, "/api/v1/widget/init", Some(SHOP)).await;
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS], EXPOSED);
    }

    #[tokio::test]
    async fn who_sends_no_origin_is_told_of_none() {
        for path in ["/api/v1/widget/init", "/api/v1/conversations/7/claim"] {
            let answer = ask(&Method::GET, path, None).await;
            assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
            assert!(
                !answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                "{path}"
            );
        }
    }

    /// Asks a server that answers everything in the same way.
    async fn ask(method: &Method, path: &str, origin: Option<&str>) -> Response {
        let dashboard: DashboardOrigins = TEAM.parse().expect("an origin");
        let router = Router::new()
            .fallback(async || StatusCode::IM_A_TEAPOT)
            .layer(from_fn_with_state(dashboard, cross_origin));
        let mut request = Request::builder().method(method).uri(path);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.body(Body::empty()).expect("a request");
        router.oneshot(request).await.expect("an answer")
    }

    #[test]
    fn headers_of_our_own_are_allowed_and_others_are_not() {
        let mut request = HeaderMap::new();
        let asked = HeaderValue::from_static("Content-Type, Diagent-Trial, X-Evil");
        request.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, asked);
        assert_eq!(allowed_headers(&request), format!("{REQUEST_HEADERS}, diagent-trial"));
    }
}
