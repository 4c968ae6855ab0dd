//! Requests and answers, with the rules that hold for every one of them.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Method and address of the request, for messages.
    asked: String,
}

/// A client for one test: connections do not outlive the runtime that made them.
pub(crate) fn client() -> Client {
    install_provider();
    Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .expect("a client")
}

/// What `main` does for the binary: TLS has no provider by itself.
pub(crate) fn install_provider() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another crate of this process may have installed one; either is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer")
}

/// The same, for servers that may be away.
pub(crate) async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let (client, request) = request.timeout(Duration::from_mins(1)).build_split();
    let request = request?;
    let asked = format!("{} {}", request.method(), request.url());
    let response = client.execute(request).await?;
    Answer::try_of(response, asked).await
}

impl Answer {
    /// Reads the rest of an answer to `asked`.
    pub(crate) async fn of(response: Response, asked: String) -> Self {
        Self::try_of(response, asked).await.expect("a whole answer")
    }

    async fn try_of(response: Response, asked: String) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Self {
            status,
            headers,
            body,
            asked,
        })
    }

    /// The text of the body.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| unreachable!("{error}: {self}"))
    }

    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The answer, when it has this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// What stands in `{"data": …}` of an answer of this status.
    pub(crate) fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        let mut body = self.json();
        body.get_mut("data")
            .map_or_else(|| unreachable!("no data: {self}"), Value::take)
    }

    /// What stands in the error envelope of this status and code, which every refusal has.
    pub(crate) fn refusal(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{code} was expected: {self}");
        let error = self.envelope();
        assert_eq!(error["code"], code, "{self}");
        error
    }

    /// Any refusal, in its envelope.
    pub(crate) fn envelope(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "an error is JSON: {kind}: {self}");
        let body = self.json();
        let error = &body["error"];
        assert_eq!(
            body.as_object().map(serde_json::Map::len),
            Some(1),
            "nothing but an error: {self}"
        );
        let code = error["code"].as_str().unwrap_or_default();
        assert!(
            !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{self}"
        );
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.ends_with(['.', ':']) || message.len() > 10),
            "{self}"
        );
        let request_id = error["request_id"].as_str().unwrap_or_default();
        assert!(!request_id.is_empty(), "{self}");
        assert_eq!(self.header("x-request-id"), Some(request_id), "{self}");
        error.clone()
    }

    /// The fields that a 422 names.
    pub(crate) fn refused_fields(&self) -> Vec<String> {
        let error = self.refusal(422, "validation_failed");
        let fields = error["fields"].as_array().cloned().unwrap_or_default();
        fields
            .iter()
            .map(|field| {
                assert!(
                    field["message"].as_str().is_some_and(|message| !message.is_empty()),
                    "{self}"
                );
                field["field"].as_str().unwrap_or_default().to_owned()
            })
            .collect()
    }

    /// Where the write stands in the log.
    pub(crate) fn position(&self) -> String {
        let position = self
            .header("diagent-position")
            .unwrap_or_else(|| unreachable!("no position: {self}"));
        let (partition, sequence) = position.split_once(':').expect("<partition>:<sequence>");
        assert!(partition == "control" || partition.parse::<u16>().is_ok(), "{position}");
        assert!(sequence.parse::<u64>().is_ok_and(|sequence| sequence > 0), "{position}");
        position.to_owned()
    }

    /// The seconds after which to come again.
    pub(crate) fn retry_after(&self) -> u64 {
        let seconds = self
            .header("retry-after")
            .unwrap_or_else(|| unreachable!("no Retry-After: {self}"));
        seconds.parse().expect("seconds")
    }

    /// A header with a number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let value = self.header(name).unwrap_or_else(|| unreachable!("no {name}: {self}"));
        value.parse().expect("a number")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text().chars().take(2_000).collect();
        write!(f, "{} answered {} {text}", self.asked, self.status)
    }
}

/// Parameters in the address, which reqwest leaves out to be lean.
pub(crate) trait Parameters {
    /// Adds `?name=value`, escaped.
    fn query<V: AsRef<str>>(self, pairs: &[(&str, V)]) -> Self;
}

impl Parameters for RequestBuilder {
    fn query<V: AsRef<str>>(self, pairs: &[(&str, V)]) -> Self {
        let (client, request) = self.build_split();
        let mut request = request.expect("a request");
        if !pairs.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(pairs);
        }
        Self::from_parts(client, request)
    }
}

/// How long something took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let result = work.await;
    (result, started.elapsed())
}
