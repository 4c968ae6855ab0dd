//! One message of the log is one [CloudEvents 1.0](https://cloudevents.io) event in the JSON format.

use std::collections::HashMap;

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{
    Subject, Timestamp,
    ids::{AgentId, ConversationId, EventId, VisitorId, WorkspaceId},
};

/// Where and why an event came to be: what the command's caller knows and the event's own data does not say.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// The tenant.
    pub workspace_id: Option<WorkspaceId>,
    /// The conversation it happened in, where the subject does not say so.
    pub conversation_id: Option<ConversationId>,
    /// The HTTP request (its `request_id`) or the turn that led here.
    pub correlation_id: Option<String>,
    /// The event that led here.
    pub causation_id: Option<EventId>,
    /// W3C trace context of the caller.
    pub traceparent: Option<String>,
}

impl Meta {
    /// The text form that `cqrs-es` hands through to the commit.
    pub(crate) fn to_map(&self) -> HashMap<String, String> {
        let pairs = [
            ("workspaceid", self.workspace_id.map(|id| id.to_string())),
            ("conversationid", self.conversation_id.map(|id| id.to_string())),
            ("correlationid", self.correlation_id.clone()),
            ("causationid", self.causation_id.map(|id| id.to_string())),
            ("traceparent", self.traceparent.clone()),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// Back from the text form; what is no id is left out.
    pub(crate) fn from_map(map: &HashMap<String, String>) -> Self {
        Self {
            workspace_id: map.get("workspaceid").and_then(|id| id.parse().ok()),
            conversation_id: map.get("conversationid").and_then(|id| id.parse().ok()),
            correlation_id: map.get("correlationid").cloned(),
            causation_id: map.get("causationid").and_then(|id| id.parse().ok()),
            traceparent: map.get("traceparent").cloned(),
        }
    }
}

/// The attributes of an event that neither its subject nor its data says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Attributes {
    pub id: EventId,
    /// When it was written, by the writer's clock.
    pub time: Timestamp,
    /// See [`Meta`] for these: what the caller said.
    pub workspaceid: Option<WorkspaceId>,
    pub conversationid: Option<ConversationId>,
    pub correlationid: Option<String>,
    pub causationid: Option<EventId>,
    pub traceparent: Option<String>,
}

impl Attributes {
    /// The attributes of a new event at `subject`.
    pub fn new(subject: &Subject, meta: &Meta, time: Timestamp) -> Self {
        let conversation_id = match *subject {
            Subject::Conversation { conversation_id, .. } => Some(conversation_id),
            _ => meta.conversation_id,
        };
        Self {
            id: EventId::generate(),
            time,
            workspaceid: meta.workspace_id,
            conversationid: conversation_id,
            correlationid: meta.correlation_id.clone(),
            causationid: meta.causation_id,
            traceparent: meta.traceparent.clone(),
        }
    }
}

/// The JSON of one event at `subject`. The event's own enum writes `type` and `data`.
///
/// # Errors
/// The event cannot be written as JSON.
pub fn encode(subject: &Subject, attributes: &Attributes, event: &impl DomainEvent) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct CloudEvent<'a, E> {
        specversion: &'static str,
        id: EventId,
        /// `/agents/<id>`, or `/workspaces/<id>`.
        source: String,
        #[serde(flatten)]
        event: &'a E,
        /// What the event is about, for example `conversation/<id>`.
        subject: String,
        time: Timestamp,
        datacontenttype: &'static str,
        /// `urn:diagent:schema:<type>:<version>`, served by the read API.
        dataschema: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        workspaceid: Option<WorkspaceId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        agentid: Option<AgentId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        visitorid: Option<VisitorId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversationid: Option<ConversationId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        correlationid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        causationid: Option<EventId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        traceparent: Option<&'a str>,
    }
    serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id: attributes.id,
        source: subject.source(),
        event,
        subject: subject.attribute(),
        time: attributes.time,
        datacontenttype: "application/json",
        dataschema: format!("urn:diagent:schema:{}:{}", event.event_type(), event.event_version()),
        workspaceid: attributes.workspaceid,
        agentid: subject.agent_id(),
        visitorid: subject.visitor_id(),
        conversationid: attributes.conversationid,
        correlationid: attributes.correlationid.as_deref(),
        causationid: attributes.causationid,
        traceparent: attributes.traceparent.as_deref(),
    })
}
