//! One page: fetched, read, and put into the agent's knowledge, or taken out of it.

use std::collections::HashSet;

use events::{Position, document::Crawled};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    fetch::{FetchError, Fetched, Fetcher, Validators, text},
    frontier::Target,
    page::{self, Page},
    robots::Robots,
    scope::Scope,
    title,
};
use crate::commands::{
    api::{Api, Refused, Side},
    knowledge::{
        isolated::isolated,
        pdf::{self, PdfError},
    },
};

const HTML_BYTES_MAX: usize = 4 * 1_024 * 1_024;
const TITLE_CHARS_MAX: usize = 300;
const HEADER_CHARS_MAX: usize = 500;

/// Why a page is left out that is nothing but pictures or scripts.
const NO_TEXT: &str = "no text";

/// What the API says of such a page.
const REFUSED_WITHOUT_TEXT: &str = "has no text";

/// What visits have in common.
pub(super) struct Visits<'a> {
    pub(super) api: &'a Api,
    /// Of the agent's documents, in both APIs.
    pub(super) path: String,
    pub(super) fetcher: Fetcher,
    pub(super) robots: Robots,
    pub(super) scope: Scope,
    /// Pages that the agent knows.
    pub(super) known: HashSet<String>,
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    New,
    Changed,
    Same,
    Removed,
    /// There is nothing for the agent, for this reason.
    Skipped(&'static str),
    Failed(String),
}

/// A page that was visited.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) url: Url,
    pub(super) outcome: Outcome,
    pub(super) links: Vec<Url>,
    /// The address that the page wants to be known by, when it is another one.
    pub(super) canonical: Option<Url>,
    /// Of the last write.
    pub(super) position: Option<Position>,
}

/// What is to be done with a page that was fetched.
enum Verdict {
    Keep(&'static str, Page, String),
    /// It is not a page of the agent's, or not any more.
    Drop(&'static str),
}

impl Visits<'_> {
    /// Visits `target`. Errors are its outcome: one page does not end a crawl.
    pub(super) async fn visit(&self, target: Target) -> Visit {
        let mut visit = Visit {
            url: target.url.clone(),
            outcome: Outcome::Same,
            links: Vec::new(),
            canonical: None,
            position: None,
        };
        visit.outcome = match self.try_visit(&target, &mut visit).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        visit
    }

    async fn try_visit(&self, target: &Target, visit: &mut Visit) -> anyhow::Result<Outcome> {
        let crawled = self.crawled(&target.url).await?;
        if !self.robots.allows(&target.url) {
            return self.drop(crawled.is_some(), "robots.txt", visit).await;
        }
        let validators = match &crawled {
            Some(crawled) if !target.is_whole => Validators {
                etag: crawled.etag.clone(),
                last_modified: crawled.last_modified.clone(),
            },
            Some(_) | None => Validators::default(),
        };
        let fetched = self
            .fetcher
            .get(
                &target.url,
                &validators,
                HTML_BYTES_MAX.max(pdf::BYTES_MAX),
                is_readable,
            )
            .await;
        let fetched = match fetched {
            Err(FetchError::Private(_)) if crawled.is_none() => {
                return Ok(Outcome::Skipped("leads to a private address"));
            }
            other => other?,
        };
        match fetched.status {
            StatusCode::NOT_MODIFIED => return Ok(Outcome::Same),
            StatusCode::NOT_FOUND | StatusCode::GONE if crawled.is_some() => {
                return self.drop(true, "not found", visit).await;
            }
            status if !status.is_success() => anyhow::bail!("it answers {status}"),
            _ => {}
        }
        let hash = hex::encode(Sha256::digest(&fetched.body));
        let validators = |name| text(&fetched.headers, &name).filter(|value| value.len() <= HEADER_CHARS_MAX);
        let now = Crawled {
            content_hash: hash,
            etag: validators(header::ETAG),
            last_modified: validators(header::LAST_MODIFIED),
        };
        match self.read(target, fetched, visit).await? {
            Verdict::Drop(reason) => self.drop(crawled.is_some(), reason, visit).await,
            Verdict::Keep(..)
                if crawled
                    .as_ref()
                    .is_some_and(|before| before.content_hash == now.content_hash) =>
            {
                Ok(Outcome::Same)
            }
            Verdict::Keep(kind, page, text) => match self.put(visit, &page, (kind, text), &now).await {
                Err(error) if has_no_text(&error) => self.drop(crawled.is_some(), NO_TEXT, visit).await,
                outcome => outcome,
            },
        }
    }

    /// How the page was when a crawl put it.
    async fn crawled(&self, url: &Url) -> anyhow::Result<Option<Crawled>> {
        if !self.known.contains(url.as_str()) {
            return Ok(None);
        }
        let query = [("url", url.to_string())];
        let answer = self
            .api
            .call((Side::Command, Method::GET), &self.path, &query, None)
            .await?;
        let mut answer: Value = answer.json().await?;
        Ok(serde_json::from_value(answer["data"]["crawled"].take())?)
    }

    /// Reads what was fetched, and notes its links.
    async fn read(&self, target: &Target, fetched: Fetched, visit: &mut Visit) -> anyhow::Result<Verdict> {
        let url = self.scope.take(&fetched.url);
        if url.as_ref() != Some(&target.url) {
            visit.links.extend(url);
            return Ok(Verdict::Drop("redirects elsewhere"));
        }
        let kind = text(&fetched.headers, &header::CONTENT_TYPE).unwrap_or_default();
        let robots = text(&fetched.headers, &header::HeaderName::from_static("x-robots-tag")).unwrap_or_default();
        let is_html = is_html(&kind);
        if !is_readable(&kind) {
            return Ok(Verdict::Drop(NO_TEXT));
        }
        anyhow::ensure!(
            !is_html || fetched.body.len() <= HTML_BYTES_MAX,
            "it is larger than {HTML_BYTES_MAX} bytes"
        );
        let at = target.url.clone();
        let (mut page, text) = match isolated(move || parsed(&at, &fetched.body, &kind, &robots)).await? {
            Err(PdfError::NoText) => return Ok(Verdict::Drop(NO_TEXT)),
            parsed => parsed?,
        };
        if text.trim().is_empty() {
            return Ok(Verdict::Drop(NO_TEXT));
        }
        visit.links = std::mem::take(&mut page.links);
        let canonical = page.canonical.take().and_then(|canonical| self.scope.take(&canonical));
        if page.is_hidden {
            return Ok(Verdict::Drop("noindex"));
        }
        if let Some(canonical) = canonical.filter(|canonical| canonical != &target.url && !target.is_canonical) {
            visit.canonical = Some(canonical);
            return Ok(Verdict::Drop("has another canonical address"));
        }
        Ok(Verdict::Keep(if is_html { "html" } else { "text" }, page, text))
    }

    async fn put(
        &self,
        visit: &mut Visit,
        page: &Page,
        (kind, text): (&str, String),
        crawled: &Crawled,
    ) -> anyhow::Result<Outcome> {
        let body =
            json!({ "url": visit.url.as_str(), "title": title(page, &visit.url), kind: text, "crawled": crawled });
        let answer = self
            .api
            .call((Side::Command, Method::PUT), &self.path, &[], Some(&body))
            .await?;
        visit.position = Api::position(&answer);
        let is_new = answer.status() == StatusCode::CREATED;
        let answer: Value = answer.json().await?;
        Ok(match answer["data"]["unchanged"].as_bool() {
            Some(true) => Outcome::Same,
            _ if is_new => Outcome::New,
            _ => Outcome::Changed,
        })
    }

    /// Takes the page out of what the agent knows, if a crawl put it there.
    async fn drop(&self, is_crawled: bool, reason: &'static str, visit: &mut Visit) -> anyhow::Result<Outcome> {
        if !is_crawled {
            return Ok(Outcome::Skipped(reason));
        }
        let query = [("url", visit.url.to_string())];
        let answer = self
            .api
            .call((Side::Command, Method::DELETE), &self.path, &query, None)
            .await?;
        visit.position = Api::position(&answer);
        Ok(Outcome::Removed)
    }
}

/// What was fetched at `url`, as a page and as text.
fn parsed(url: &Url, body: &[u8], kind: &str, robots: &str) -> Result<(Page, String), PdfError> {
    if is_pdf(kind) {
        return pdf::text(body).map(|text| (Page::default(), text));
    }
    let text = page::decode(body, kind);
    let page = if is_html(kind) {
        page::parse(url, &text, robots)
    } else if is_markdown(url, kind) {
        Page {
            title: title::of_markdown(&text).unwrap_or_default(),
            ..Page::default()
        }
    } else {
        Page::default()
    };
    Ok((page, text))
}

/// Whether the API refused a page since nothing of it is text: only the API reads HTML.
fn has_no_text(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.says(REFUSED_WITHOUT_TEXT))
}

/// Its own, or else the last part of its address.
fn title(page: &Page, url: &Url) -> String {
    let name = || {
        url.path_segments()
            .and_then(|mut parts| parts.rfind(|part| !part.is_empty()).map(str::to_owned))
    };
    let own = Some(page.title.clone()).filter(|title| !title.is_empty());
    let title = own
        .or_else(name)
        .unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
    title
        .chars()
        .filter(|char| !char.is_control())
        .take(TITLE_CHARS_MAX)
        .collect()
}

fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_html(kind: &str) -> bool {
    matches!(essence(kind).as_str(), "text/html" | "application/xhtml+xml")
}

/// Many sites serve Markdown as plain text.
fn is_markdown(url: &Url, kind: &str) -> bool {
    let ending = url
        .path()
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    essence(kind) == "text/markdown" || matches!(ending.as_deref(), Some("md" | "markdown"))
}

fn is_pdf(kind: &str) -> bool {
    essence(kind) == "application/pdf"
}

fn is_readable(kind: &str) -> bool {
    is_html(kind) || is_pdf(kind) || matches!(essence(kind).as_str(), "text/plain" | "text/markdown")
}
