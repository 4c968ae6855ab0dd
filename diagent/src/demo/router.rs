//! The site over HTTP. No inline script or style, and nobody but the widget's server may be asked: the policy says so to
//! browsers, as a careful customer's does.

use super::{
    agent::origins,
    site::{self, PAGES},
};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};

const HTML: &str = "text/html; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Files beside the pages: path, type, content.
const FILES: [(&str, &str, &str); 4] = [
    (
        "/assets/site.css",
        "text/css; charset=utf-8",
        include_str!("assets/site.css"),
    ),
    ("/assets/hills.svg", SVG, include_str!("assets/hills.svg")),
    ("/favicon.svg", SVG, include_str!("assets/favicon.svg")),
    ("/robots.txt", "text/plain; charset=utf-8", "User-agent: *\nAllow: /\n"),
];

/// The demo site. Its widget comes from `command_api_url`, for example `http://127.0.0.1:8080`, and calls it.
pub fn router(command_api_url: String) -> Router {
    let api = command_api_url.trim_end_matches('/').to_owned();
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page.path, content(HTML, page.html(&api)));
    }
    for (path, kind, text) in FILES {
        router = router.route(path, content(kind, text.to_owned()));
    }
    let missing = Bytes::from(site::not_found(&api));
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
    // `init` may call the socket's host by its other name.
    let sockets = origins(&api.replacen("http", "ws", 1)).join(" ");
    let policy = format!(
        "default-src 'none'; script-src {api}; style-src 'self'; img-src 'self'; connect-src {api} {sockets}; \
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
    use crate::demo::{AGENT_ID, documents};

    const API: &str = "http://127.0.0.1:8080";

    #[tokio::test]
    async fn the_agent_knows_exactly_what_is_served() {
        let site = Site::serve().await;
        for document in documents("http://127.0.0.1:8082", API) {
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
        assert!(answer.head.contains("script-src http://127.0.0.1:8080;"));
        assert!(!answer.head.contains("unsafe"), "{}", answer.head);
        for page in PAGES {
            let html = page.html(API);
            for inline in ["<style", " style=\"", "<script>", " onclick=", "javascript:"] {
                assert!(!html.contains(inline), "{inline} on {}", page.path);
            }
        }
    }

    #[tokio::test]
    async fn one_tag_brings_the_widget() {
        let page = Site::serve().await.get("/pricing").await.body;
        let tag = format!(r#"<script async src="{API}/widget.js" data-agent-id="{AGENT_ID}"></script>"#);
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains(&tag), "{page}");
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
            let router = router(format!("{API}/"));
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
