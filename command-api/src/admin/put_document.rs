//! `PUT /api/v1/agents/{agent_id}/documents`: one page of an agent's knowledge, by its address.

use axum::extract::State;
use edge::{
    Committed,
    extract::{Json, Path},
};
use events::{
    AgentId, DocumentId, LogEvent, Position, Recorded, Subject, Timestamp,
    document::{Crawled, DocumentEvent},
};
use serde::{Deserialize, Serialize};

use super::{
    knowledge::{canonical_url, to_markdown},
    read_agent::visible_agent,
};
use crate::{
    app::App,
    checks::{Checks, PAGE_URL_CHARS_MAX},
    error::ApiError,
    guard::operator::Admin,
    metrics,
};

const TITLE_CHARS_MAX: usize = 500;
const HASH_CHARS: usize = 64;
const HEADER_CHARS_MAX: usize = 500;
const TEXT_BYTES_MAX: usize = 1_024 * 1_024;

/// Room for an event's attributes beside its data, in bytes.
const ENVELOPE_BYTES_MAX: usize = 4 * 1_024;

/// A page. Of `text` and `html` exactly one.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRequest {
    /// Putting the same address again replaces the page.
    url: String,
    title: String,
    /// Plain text or Markdown, at most 1 MiB.
    text: Option<String>,
    /// A whole page; scripts, styles and navigation are left out.
    html: Option<String>,
    /// Given by a crawl, which asks for it before its next visit.
    crawled: Option<Crawled>,
}

/// A page as the agent knows it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DocumentView {
    pub(super) document_id: DocumentId,
    pub(super) url: String,
    pub(super) title: String,
    /// Markdown.
    pub(super) text: String,
    pub(super) updated_at: Timestamp,
    /// How the site knew the page, when a crawl put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) crawled: Option<Crawled>,
}

/// What was put.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PutDocument {
    document_id: DocumentId,
    url: String,
    title: String,
    /// Bytes of Markdown.
    text_bytes: usize,
    /// The page was known in exactly this form: nothing was stored.
    unchanged: bool,
}

/// Puts a page into an agent's knowledge.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `document_too_large`, `log_unavailable`.
#[utoipa::path(
    put, path = "/agents/{agent_id}/documents", tag = "admin", request_body = DocumentRequest,
    params(("agent_id" = AgentId, Path)),
    responses((status = 200, body = PutDocument), (status = 201, body = PutDocument, description = "It is new")),
)]
#[tracing::instrument(name = "admin.document.put", skip_all, fields(agent.id = %agent_id))]
pub async fn put_document(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(agent_id): Path<AgentId>,
    Json(request): Json<DocumentRequest>,
) -> Result<Committed<PutDocument>, ApiError> {
    let agent = visible_agent(&app, &caller, agent_id)?;
    let crawled = request.crawled.clone();
    let Page { url, title, text } = request.read().await?;
    let document_id = DocumentId::derive(agent_id, &url);
    let subject = Subject::Document { agent_id, document_id };
    let known = known_document(&app, &subject).await?;
    let answer = |unchanged| PutDocument {
        document_id,
        url: url.clone(),
        title: title.clone(),
        text_bytes: text.len(),
        unchanged,
    };
    if let Some((position, known)) = &known
        && (&known.title, &known.text) == (&title, &text)
    {
        return Ok(Committed::ok(*position, answer(true)));
    }
    let event = DocumentEvent::Put {
        url: url.clone(),
        title: title.clone(),
        text: text.clone(),
        at: app.now(),
        crawled,
    };
    let encoded = serde_json::to_vec(&event).map_or(usize::MAX, |bytes| bytes.len());
    if encoded.saturating_add(ENVELOPE_BYTES_MAX) > app.log.client().max_payload() {
        return Err(ApiError::DocumentTooLarge);
    }
    let meta = caller.meta(agent.workspace_id);
    let position = metrics::timed("document", app.log.append(&subject, &[event], &meta)).await?;
    Ok(match known {
        Some(_) => Committed::ok(position, answer(false)),
        None => Committed::created(position, answer(false)),
    })
}

/// A page that is fine.
struct Page {
    url: String,
    title: String,
    text: String,
}

impl DocumentRequest {
    async fn read(self) -> Result<Page, ApiError> {
        let mut checks = Checks::default();
        let url = canonical_url(&self.url).filter(|url| url.chars().count() <= PAGE_URL_CHARS_MAX);
        if url.is_none() {
            checks.refuse("url", "must be an http or https address of at most 2048 characters");
        }
        checks.line("title", &self.title, 1..=TITLE_CHARS_MAX);
        check_crawled(&mut checks, self.crawled.as_ref());
        let (field, text) = match (self.text, self.html) {
            (Some(text), None) => ("text", text),
            (None, Some(html)) => ("html", markdown(html).await?),
            (Some(_), Some(_)) | (None, None) => {
                checks.refuse("text", "must be given, or else html, and not both");
                ("text", " ".to_owned())
            }
        };
        if text.is_empty() {
            checks.refuse(field, "has no text");
        }
        if text.len() > TEXT_BYTES_MAX {
            checks.refuse(field, "must not have more than 1 MiB of text");
        }
        if text.contains('\0') {
            checks.refuse(field, "must not contain a NUL character");
        }
        checks.finish()?;
        Ok(Page {
            url: url.unwrap_or_default(),
            title: self.title,
            text,
        })
    }
}

fn check_crawled(checks: &mut Checks, crawled: Option<&Crawled>) {
    let Some(crawled) = crawled else {
        return;
    };
    if crawled.content_hash.len() != HASH_CHARS || !crawled.content_hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        checks.refuse("crawled.content_hash", "must be 64 hexadecimal digits");
    }
    let headers = [
        ("crawled.etag", &crawled.etag),
        ("crawled.last_modified", &crawled.last_modified),
    ];
    for (field, value) in headers {
        if let Some(value) = value {
            checks.line(field, value, 1..=HEADER_CHARS_MAX);
        }
    }
}

/// Conversion takes milliseconds per hundred kilobytes, too long for a thread that serves others.
async fn markdown(html: String) -> Result<String, ApiError> {
    let converted = tokio::task::spawn_blocking(move || to_markdown(&html)).await;
    match converted {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(_)) | Err(_) => Err(ApiError::field("html", "cannot be read as a page")),
    }
}

/// The page as it was last put, and where; none when it was removed or never put.
pub(super) async fn known_document(
    app: &App,
    subject: &Subject,
) -> Result<Option<(Position, KnownDocument)>, ApiError> {
    let last = app.log.events_of(subject).await?.pop();
    Ok(match last {
        Some(Recorded {
            position,
            event:
                LogEvent::Document(DocumentEvent::Put {
                    url,
                    title,
                    text,
                    at,
                    crawled,
                }),
            ..
        }) => Some((
            position,
            KnownDocument {
                url,
                title,
                text,
                at,
                crawled,
            },
        )),
        _ => None,
    })
}

/// A page that stands.
pub(super) struct KnownDocument {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) at: Timestamp,
    pub(super) crawled: Option<Crawled>,
}
