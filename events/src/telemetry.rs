//! What the widget reports of itself. Nothing is decided, so there is no aggregate.

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Error as _},
};
use serde_json::{Map, Value, value::RawValue};

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
        metadata: Option<Personal<Metadata>>,
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

/// A JSON object as it was written. It is kept and given out, and never looked into: a rebuild reads millions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Metadata(#[schemars(with = "Map<String, Value>")] Box<RawValue>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if json.get().starts_with('{') {
            Ok(Self(json))
        } else {
            Err(D::Error::invalid_type(
                de::Unexpected::Other("other JSON"),
                &"an object",
            ))
        }
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}
