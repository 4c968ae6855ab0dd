//! The site over HTTP. No inline script or style, and only the widget API may be called: the policy says so to browsers.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use serde_json::json;

use super::{
    AGENT_ID,
    site::{self, PAGES},
};

const HTML: &str = "text/html; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Files beside the pages: path, type, content.
const FILES: [(&str, &str, &str); 5] = [
    (
        "/assets/site.css",
        "text/css; charset=utf-8",
        include_str!("assets/site.css"),
    ),
    (
        "/assets/chat.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/chat.js"),
    ),
    ("/assets/hills.svg", SVG, include_str!("assets/hills.svg")),
    ("/favicon.svg", SVG, include_str!("assets/favicon.svg")),
    ("/robots.txt", "text/plain; charset=utf-8", "User-agent: *\nAllow: /\n"),
];

/// The demo site. Its chat calls the widget API at `command_api_url`, for example `http://127.0.0.1:8080`.
pub fn router(command_api_url: String) -> Router {
    let api = command_api_url.trim_end_matches('/').to_owned();
    let config = json!({ "api": api, "agent_id": AGENT_ID }).to_string();
    let mut router = Router::new().route("/config.json", content("application/json", config));
    for page in PAGES {
        router = router.route(page.path, content(HTML, page.html()));
    }
    for (path, kind, text) in FILES {
        router = router.route(path, content(kind, text.to_owned()));
    }
    let missing = Bytes::from(site::not_found());
    let missing = get(move || async move { (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, HTML)], missing) });
    let headers = headers(&api);
    // A route and no fallback: whoever serves this router puts a fallback of its own on it.
    router
        .route("/{*path}", missing)
        .layer(map_response(move |response: Response| {
            let headers = headers.clone();
            async move { (headers, response).into_response() }
        }))
}

fn content(kind: &'static str, text: String) -> MethodRouter {
    let text = Bytes::from(text);
    get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
}

/// What every answer carries.
fn headers(api: &str) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {api}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("strict-origin-when-cross-origin"),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ])
}

#[cfg(test)]
mod tests {
    use edge::{ServeLimits, Tasks};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::demo::documents;

    #[tokio::test]
    async fn the_agent_knows_exactly_what_is_served() {
        let site = Site::serve().await;
        for document in documents("http://127.0.0.1:8082") {
            let path = document
                .url
                .strip_prefix("http://127.0.0.1:8082")
                .expect("on the demo's origin");
            let answer = site.get(path).await;
            assert!(answer.head.starts_with("http/1.1 200"), "{path}: {}", answer.head);
            assert_eq!(answer.body, document.html, "{path}");
            assert!(document.html.contains(&document.title), "{path}");
        }
    }

    #[tokio::test]
    async fn every_link_within_the_site_leads_somewhere() {
        let site = Site::serve().await;
        for page in PAGES {
            let html = site.get(page.path).await.body;
            for link in links(&html) {
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let path = if path.is_empty() { page.path } else { path };
                let target = site.get(path).await;
                assert!(target.head.starts_with("http/1.1 200"), "{link} on {}", page.path);
                let named = format!("id=\"{anchor}\"");
                assert!(
                    anchor.is_empty() || target.body.contains(&named),
                    "{link} on {}",
                    page.path
                );
            }
        }
    }

    #[tokio::test]
    async fn the_policy_allows_no_inline_code_and_pages_need_none() {
        let site = Site::serve().await;
        let answer = site.get("/").await;
        assert!(answer.head.contains("content-security-policy: default-src 'none'"));
        assert!(answer.head.contains("connect-src 'self' http://127.0.0.1:8080;"));
        assert!(!answer.head.contains("unsafe"), "{}", answer.head);
        for page in PAGES {
            let html = page.html();
            for inline in ["<style", " style=\"", "<script>", " onclick=", "javascript:"] {
                assert!(!html.contains(inline), "{inline} on {}", page.path);
            }
        }
    }

    #[tokio::test]
    async fn the_script_is_told_where_the_api_is() {
        let answer = Site::serve().await.get("/config.json").await;
        let config: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(config, json!({ "api": "http://127.0.0.1:8080", "agent_id": AGENT_ID }));
    }

    #[tokio::test]
    async fn another_address_says_so_kindly() {
        let answer = Site::serve().await.get("/crampons").await;
        assert!(answer.head.starts_with("http/1.1 404"), "{}", answer.head);
        assert!(answer.body.contains("This path peters out"), "{}", answer.body);
    }

    /// What `href` and `src` name within the site.
    fn links(html: &str) -> Vec<&str> {
        let mut links = Vec::new();
        for attribute in ["href=\"", "src=\""] {
            links.extend(html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
        }
        links.retain(|link| link.starts_with(['/', '#']));
        assert!(links.len() > 5, "the frame alone has that many");
        links
    }

    struct Site {
        address: std::net::SocketAddr,
        tasks: Tasks,
    }

    struct Answer {
        /// The status line and the headers, in lower case.
        head: String,
        body: String,
    }

    impl Site {
        async fn serve() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            let tasks = Tasks::new();
            let serving = tasks.clone();
            let router = router("http://127.0.0.1:8080/".to_owned());
            tasks.spawn(async move {
                drop(edge::serve(listener, router, &serving, ServeLimits::default()).await);
            });
            Self { address, tasks }
        }

        async fn get(&self, path: &str) -> Answer {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            let request = format!("GET {path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("to send");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            Answer {
                head: head.to_lowercase(),
                body: body.to_owned(),
            }
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            self.tasks.start_drain();
        }
    }
}
