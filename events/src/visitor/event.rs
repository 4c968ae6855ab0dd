//! What happens to one visitor of one agent's site.
//!
//! These names and fields are what the log stores: a variant may be renamed, its tag never;
//! a field may be added with `#[serde(default)]`, anything else is a new version with an upcaster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConversationId, Personal, ReceiptId, Timestamp, upcast};

/// Subject `evt.<partition>.visitor.<agent>.<visitor>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum VisitorEvent {
    /// The visitor came for the first time, or for the first time after an erasure.
    #[serde(rename = "diagent.visitor.arrived")]
    Arrived {
        /// The browser's language, as a BCP 47 tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locale: Option<String>,
        /// The page the widget was on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page_url: Option<Personal<String>>,
        at: Timestamp,
    },

    /// A conversation began. It stays the visitor's latest until the next one begins.
    #[serde(rename = "diagent.conversation.started")]
    ConversationStarted {
        conversation_id: ConversationId,
        /// The browser's language, as a BCP 47 tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locale: Option<String>,
        /// The page it began on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page_url: Option<Personal<String>>,
        at: Timestamp,
    },

    /// The visitor asked to be forgotten. What `removed` names is gone from this partition: every gap in it is explained
    /// by such a range, or it is a loss.
    #[serde(rename = "diagent.visitor.erased")]
    Erased {
        receipt_id: ReceiptId,
        /// Sequences of this partition, ascending and disjoint.
        removed: Vec<SequenceRange>,
        at: Timestamp,
    },
}

/// Sequences of one partition, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SequenceRange {
    pub first: u64,
    pub last: u64,
}

impl SequenceRange {
    /// Folds ascending sequences into ranges: a visitor's events often follow each other.
    pub fn from_sequences(sequences: impl IntoIterator<Item = u64>) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        for sequence in sequences {
            match ranges.last_mut() {
                Some(range) if range.last.checked_add(1) == Some(sequence) => range.last = sequence,
                _ => ranges.push(Self {
                    first: sequence,
                    last: sequence,
                }),
            }
        }
        ranges
    }
}

impl cqrs_es::DomainEvent for VisitorEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Arrived { .. } => "diagent.visitor.arrived",
            Self::ConversationStarted { .. } => "diagent.conversation.started",
            Self::Erased { .. } => "diagent.visitor.erased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
