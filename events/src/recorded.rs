//! Events as they come back from the log.

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Category, Position, Subject, Timestamp, agent::AgentEvent, at_once, cloud_event::Attributes,
    conversation::ConversationEvent, document::DocumentEvent, lead::LeadEvent, telemetry::TelemetryEvent, upcast,
    visitor::VisitorEvent, workspace::WorkspaceEvent,
};

/// One event with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub position: Position,
    pub subject: Subject,
    /// When the log stored it: never decreases within a partition.
    pub stored_at: Timestamp,
    pub attributes: Attributes,
    pub event: LogEvent,
}

/// Any event of the log, in its newest version.
#[derive(Debug, Clone, PartialEq)]
pub enum LogEvent {
    Visitor(VisitorEvent),
    Conversation(ConversationEvent),
    Lead(LeadEvent),
    Telemetry(TelemetryEvent),
    Workspace(WorkspaceEvent),
    Agent(AgentEvent),
    Document(DocumentEvent),
}

/// A stored message that this binary cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the message is no event in CloudEvents JSON")]
    Malformed(#[source] serde_json::Error),
    #[error("the event has an unknown type or its data does not fit: {kind}")]
    UnknownEvent {
        kind: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the message stands under no subject of the log")]
    Foreign,
    #[error("the event is of a version that this binary does not know: {dataschema}")]
    UnknownVersion { dataschema: String },
}

impl LogEvent {
    /// Reads one message of `category`: attributes, then data in its newest version.
    ///
    /// # Errors
    /// The message is no event, or one of a newer binary.
    pub fn decode(category: Category, payload: &[u8]) -> Result<(Attributes, Self), DecodeError> {
        match category {
            Category::Visitor => current(payload, Self::Visitor),
            Category::Conversation => current(payload, Self::Conversation),
            Category::Lead => current(payload, Self::Lead),
            Category::Telemetry => current(payload, Self::Telemetry),
            Category::Workspace => current(payload, Self::Workspace),
            Category::Agent => current(payload, Self::Agent),
            Category::Document => current(payload, Self::Document),
        }
    }
}

fn current<E: DomainEvent + DeserializeOwned>(
    payload: &[u8],
    of_category: fn(E) -> LogEvent,
) -> Result<(Attributes, LogEvent), DecodeError> {
    read(payload).map(|(attributes, event)| (attributes, of_category(event)))
}

/// Reads `payload` as an event of `E`; an old version is lifted to today's first.
pub(crate) fn read<E: DomainEvent + DeserializeOwned>(payload: &[u8]) -> Result<(Attributes, E), DecodeError> {
    // The common case reads once, straight from the bytes; only an old version takes the way through a tree.
    if let Ok(both) = at_once::read::<E>(payload) {
        return Ok(both);
    }
    let attributes: Attributes = serde_json::from_slice(payload).map_err(DecodeError::Malformed)?;
    let event = lift(payload)?;
    Ok((attributes, event))
}

fn lift<E: DomainEvent + DeserializeOwned>(payload: &[u8]) -> Result<E, DecodeError> {
    let Written { kind, dataschema } = serde_json::from_slice(payload).map_err(DecodeError::Malformed)?;
    let tree: Value = serde_json::from_slice(payload).map_err(DecodeError::Malformed)?;
    let Some(version) = upcast::version(&dataschema) else {
        return Err(DecodeError::UnknownVersion { dataschema });
    };
    let lifted = upcast::to_current(upcast::UPCASTERS, &kind, version, tree);
    let event: Result<E, _> = in_order(&kind, &lifted.tree["data"]);
    let event = event.map_err(|source| DecodeError::UnknownEvent { kind, source })?;
    if lifted.version.to_string() == event.event_version() {
        Ok(event)
    } else {
        Err(DecodeError::UnknownVersion { dataschema })
    }
}

/// Reads an event whose type is known. Its enum has to meet `type` before `data`: what it would have to keep until then,
/// telemetry cannot keep as it was written.
fn in_order<E: DeserializeOwned>(kind: &str, data: &Value) -> serde_json::Result<E> {
    #[derive(Serialize)]
    struct InOrder<'a> {
        r#type: &'a str,
        data: &'a Value,
    }
    serde_json::from_slice(&serde_json::to_vec(&InOrder { r#type: kind, data })?)
}

/// How an event was written.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    dataschema: String,
}

/// The type of an event in CloudEvents JSON, whether or not this binary knows it; `unknown` if it has none.
pub fn kind_of(payload: &[u8]) -> String {
    serde_json::from_slice(payload).map_or_else(|_| "unknown".to_owned(), |Written { kind, .. }| kind)
}
