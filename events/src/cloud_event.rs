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

/// The attributes of an event: all of it but its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    pub specversion: String,
    pub id: EventId,
    /// `/agents/<id>`, or `/workspaces/<id>`.
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// What the event is about, for example `conversation/<id>`.
    pub subject: String,
    pub time: Timestamp,
    pub datacontenttype: String,
    /// `urn:diagent:schema:<type>:<version>`, served by the read API.
    pub dataschema: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspaceid: Option<WorkspaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agentid: Option<AgentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitorid: Option<VisitorId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversationid: Option<ConversationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Attributes {
    /// The attributes of a new event at `subject`.
    pub fn new(subject: &Subject, event: &impl DomainEvent, meta: &Meta, time: Timestamp) -> Self {
        let kind = event.event_type();
        let source = match *subject {
            Subject::Workspace { workspace_id } => format!("/workspaces/{workspace_id}"),
            _ => subject
                .agent_id()
                .map(|agent_id| format!("/agents/{agent_id}"))
                .unwrap_or_default(),
        };
        let conversation_id = match *subject {
            Subject::Conversation { conversation_id, .. } => Some(conversation_id),
            _ => meta.conversation_id,
        };
        Self {
            specversion: "1.0".to_owned(),
            id: EventId::generate(),
            source,
            dataschema: format!("urn:diagent:schema:{kind}:{}", event.event_version()),
            kind,
            subject: subject.attribute(),
            time,
            datacontenttype: "application/json".to_owned(),
            workspaceid: meta.workspace_id,
            agentid: subject.agent_id(),
            visitorid: subject.visitor_id(),
            conversationid: conversation_id,
            correlationid: meta.correlation_id.clone(),
            causationid: meta.causation_id,
            traceparent: meta.traceparent.clone(),
        }
    }

    /// The version of the type that `data` is written in, from `dataschema`.
    pub fn version(&self) -> Option<u32> {
        self.dataschema.rsplit(':').next()?.parse().ok()
    }
}

/// The JSON of one event. The event's own enum writes `type` and `data`.
///
/// # Errors
/// The event cannot be written as JSON.
pub fn encode(attributes: &Attributes, event: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct CloudEvent<'a, E> {
        specversion: &'a str,
        id: EventId,
        source: &'a str,
        #[serde(flatten)]
        event: &'a E,
        subject: &'a str,
        time: Timestamp,
        datacontenttype: &'a str,
        dataschema: &'a str,
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
        specversion: &attributes.specversion,
        id: attributes.id,
        source: &attributes.source,
        event,
        subject: &attributes.subject,
        time: attributes.time,
        datacontenttype: &attributes.datacontenttype,
        dataschema: &attributes.dataschema,
        workspaceid: attributes.workspaceid,
        agentid: attributes.agentid,
        visitorid: attributes.visitorid,
        conversationid: attributes.conversationid,
        correlationid: attributes.correlationid.as_deref(),
        causationid: attributes.causationid,
        traceparent: attributes.traceparent.as_deref(),
    })
}
