//! What operators define of an agent.
//!
//! These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AgentDefinition;
use crate::{Timestamp, upcast};

/// Subject `ctl.agent.<agent>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum AgentEvent {
    /// The agent is from now on as `definition` says.
    #[serde(rename = "diagent.agent.defined")]
    Defined {
        definition: Box<AgentDefinition>,
        at: Timestamp,
    },
}

impl cqrs_es::DomainEvent for AgentEvent {
    fn event_type(&self) -> String {
        "diagent.agent.defined".to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
