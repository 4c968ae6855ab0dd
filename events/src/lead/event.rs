//! What a visitor says of how to be reached.
//!
//! These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConversationId, Personal, Timestamp, upcast};

/// Subject `evt.<partition>.lead.<agent>.<visitor>.<lead>`: the submissions of one visitor with one e-mail address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum LeadEvent {
    /// A form was submitted. Every submission is kept; read models fold them by agent and e-mail.
    #[serde(rename = "diagent.lead.captured")]
    Captured {
        conversation_id: ConversationId,
        /// The address, in lower case and without space around it: leads are deduplicated by it.
        email: Personal<String>,
        /// How the visitor wants to be called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Personal<String>>,
        /// The number, as it was typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Personal<String>>,
        /// The agent's own fields, by key.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        fields: BTreeMap<String, Personal<serde_json::Value>>,
        /// What the visitor agreed to, in the words that the form had then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<String>,
        at: Timestamp,
    },
}

impl cqrs_es::DomainEvent for LeadEvent {
    fn event_type(&self) -> String {
        "diagent.lead.captured".to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
