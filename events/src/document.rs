//! The knowledge of an agent: pages, put and removed. Nothing is decided, so there is no aggregate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, upcast};

/// Subject `ctl.document.<agent>.<document>`.
///
/// These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum DocumentEvent {
    /// The page at `url` reads from now on as `text`.
    #[serde(rename = "diagent.document.put")]
    Put {
        /// The page's address: it names the document.
        url: String,
        /// The page's title.
        title: String,
        /// Markdown: headings, lists, tables and code as in the page.
        text: String,
        at: Timestamp,
        /// Given by a crawl, whose next run then asks only for what has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        crawled: Option<Crawled>,
    },

    /// The page at `url` is gone.
    #[serde(rename = "diagent.document.removed")]
    Removed {
        /// The page's address, as it was put.
        url: String,
        at: Timestamp,
    },
}

/// How the site knows the page that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Crawled {
    /// SHA-256 of what was fetched, in hexadecimal.
    pub content_hash: String,
    /// The answer's `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The answer's `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl cqrs_es::DomainEvent for DocumentEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Put { .. } => "diagent.document.put",
            Self::Removed { .. } => "diagent.document.removed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
