//! What the widget reports of itself. Nothing is decided, so there is no aggregate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConversationId, Personal, Timestamp, upcast};

/// Subject `evt.<partition>.telemetry.<agent>.<visitor>`.
///
/// These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum TelemetryEvent {
    /// Something was seen or done in the widget.
    #[serde(rename = "diagent.telemetry.recorded")]
    Recorded {
        /// What happened, for example `cta.click` or `launcher.opened`.
        event: String,
        /// The behaviour rule that caused it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule_id: Option<String>,
        conversation_id: ConversationId,
        /// The page it happened on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page_url: Option<Personal<String>>,
        /// Whatever the widget adds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<Personal<Map<String, Value>>>,
        at: Timestamp,
    },
}

impl cqrs_es::DomainEvent for TelemetryEvent {
    fn event_type(&self) -> String {
        "diagent.telemetry.recorded".to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
