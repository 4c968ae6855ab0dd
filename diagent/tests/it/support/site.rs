//! A site on this machine whose pages a test writes and changes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Handle};

use super::{Agent, succeeds};

/// A page: status, content type or place of a redirect, body.
type Page = (u16, String, String);

/// A site; it ends with the test's runtime.
pub(crate) struct Site {
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<HashMap<String, Page>>,
    answered: Mutex<BTreeMap<u16, usize>>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        Handle::current().spawn(async move { axum::serve(listener, router).await });
        Self { origin, shared }
    }

    /// Writes an HTML page.
    pub(crate) fn page(&self, path: &str, html: &str) {
        self.put(path, 200, "text/html; charset=utf-8", html);
    }

    /// Writes anything; a redirect's content type is where it leads.
    pub(crate) fn put(&self, path: &str, status: u16, kind: &str, body: &str) {
        let page = (status, kind.to_owned(), body.to_owned());
        self.shared
            .pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), page);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.shared
            .pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(path);
    }

    /// How often it has answered with `status`.
    pub(crate) fn answered(&self, status: u16) -> usize {
        let answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.get(&status).copied().unwrap_or_default()
    }
}

/// Every page has its text as its `ETag`.
async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let page = shared
        .pages
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(uri.path())
        .cloned();
    let (mut status, kind, body) = page.unwrap_or((404, "text/plain".to_owned(), "Not here.".to_owned()));
    let etag = format!("\"{}-{}\"", body.len(), body.bytes().map(u64::from).sum::<u64>());
    if status == 200
        && headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|known| known == etag.as_str())
    {
        status = 304;
    }
    *shared
        .answered
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(status)
        .or_default() += 1;
    let named = if (300..304).contains(&status) {
        header::LOCATION
    } else {
        header::CONTENT_TYPE
    };
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(named, kind), (header::ETAG, etag)], body).into_response()
}

impl Agent {
    /// Crawls with these arguments beside those that every test needs; what the crawl says of itself.
    pub(crate) async fn crawl(&self, site: &Site, arguments: &[&str]) -> Value {
        let url = format!("{}/", site.origin);
        let mut all = vec![
            "knowledge",
            "crawl",
            "--agent",
            &self.id,
            "--url",
            &url,
            "--allow-private",
            "--delay-ms",
            "0",
            "--json",
        ];
        all.extend(arguments);
        serde_json::from_str(&succeeds(self, &all).await).expect("JSON")
    }
}
