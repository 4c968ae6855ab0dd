//! Fetching, within limits: of address, time, size, speed and number of redirects.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use reqwest::{
    Client, Response, StatusCode,
    header::{self, HeaderMap, HeaderName},
    redirect::Policy,
};
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use super::address::{PrivateAddress, PublicOnly, check_literal};

/// What the crawl calls itself.
const USER_AGENT: &str = concat!("Diagent/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);
const REDIRECTS_MAX: usize = 5;

/// How often a busy site is asked again, and how long it may make the crawl wait each time.
const RETRIES_MAX: u32 = 3;
const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);

/// A client that goes where it may go, and no faster than it should.
pub(super) struct Fetcher {
    /// For the host that the crawl was sent to, if it may be a private one.
    client: Client,
    /// For those that redirects and sitemaps lead to: whoever may see one private host was not told of its neighbours.
    public: Client,
    private: Option<Url>,
    delay: Duration,
    next_start: Mutex<Instant>,
}

/// What the site gave last time.
#[derive(Debug, Clone, Default)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Where the redirects ended.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty unless the status is a success, and the type one that is wanted.
    pub(super) body: Vec<u8>,
}

/// Nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Private(#[from] PrivateAddress),
    #[error("it redirects more than {REDIRECTS_MAX} times")]
    Redirects,
    #[error("it redirects to nowhere")]
    Location,
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("cannot be fetched")]
    Http(#[from] reqwest::Error),
}

impl Fetcher {
    /// One request begins at least `delay` after the other. The host of `private` may be a private one.
    pub(super) fn new(private: Option<Url>, delay: Duration) -> reqwest::Result<Self> {
        let builder = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .no_proxy()
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
        };
        let public = builder().dns_resolver(PublicOnly::new()).build()?;
        let client = if private.is_some() {
            builder().build()?
        } else {
            public.clone()
        };
        Ok(Self {
            client,
            public,
            private,
            delay,
            next_start: Mutex::new(Instant::now()),
        })
    }

    /// A slower one: `robots.txt` asks for it.
    pub(super) fn slow_down(&mut self, delay: Duration) {
        self.delay = self.delay.max(delay);
    }

    /// Fetches `url`, unless it has not changed since `validators`; the body only when `wants` its content type.
    ///
    /// # Errors
    /// The site cannot be reached, or a limit is exceeded.
    pub(super) async fn get(
        &self,
        url: &Url,
        validators: &Validators,
        bytes_max: usize,
        wants: fn(&str) -> bool,
    ) -> Result<Fetched, FetchError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let allows_private = self.private.as_ref().is_some_and(|private| is_same_host(private, &url));
            let answer = self.ask(&url, validators, allows_private).await?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return read(url, answer, bytes_max, wants).await;
            }
            let target = text(answer.headers(), &header::LOCATION).and_then(|location| url.join(&location).ok());
            url = target
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or(FetchError::Location)?;
        }
        Err(FetchError::Redirects)
    }

    async fn ask(&self, url: &Url, validators: &Validators, allows_private: bool) -> Result<Response, FetchError> {
        let client = if allows_private {
            &self.client
        } else {
            check_literal(url)?;
            &self.public
        };
        let mut tries = 0;
        loop {
            sleep_until(self.start()).await;
            let mut request = client.get(url.clone());
            if let Some(etag) = &validators.etag {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(time) = &validators.last_modified {
                request = request.header(header::IF_MODIFIED_SINCE, time);
            }
            let answer = request.send().await?;
            let is_busy = matches!(
                answer.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            if !is_busy || tries == RETRIES_MAX {
                return Ok(answer);
            }
            tries += 1;
            let asked = text(answer.headers(), &header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
            sleep(
                asked
                    .map_or(Duration::from_secs(1 << tries), Duration::from_secs)
                    .min(RETRY_WAIT_MAX),
            )
            .await;
        }
    }

    /// When the next request may begin; the one after it, a delay later.
    fn start(&self) -> Instant {
        let mut next = self.next_start.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*next).max(Instant::now());
        *next = start + self.delay;
        start
    }
}

/// Whether both are at one place, perhaps by another scheme.
fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port() == other.port()
}

async fn read(url: Url, answer: Response, bytes_max: usize, wants: fn(&str) -> bool) -> Result<Fetched, FetchError> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    let kind = text(&headers, &header::CONTENT_TYPE).unwrap_or_default();
    if status.is_success() && wants(&kind) {
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece?);
            if body.len() > bytes_max {
                return Err(FetchError::TooLarge(bytes_max));
            }
        }
    }
    Ok(Fetched {
        url,
        status,
        headers,
        body,
    })
}

/// A header's value, when it is text.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
