//! What operators define of a workspace.
//!
//! These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, upcast};

/// Subject `ctl.workspace.<workspace>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum WorkspaceEvent {
    /// The workspace is from now on as `definition` says.
    #[serde(rename = "diagent.workspace.defined")]
    Defined {
        definition: WorkspaceDefinition,
        at: Timestamp,
    },
}

/// All that is said of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDefinition {
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// New conversations a calendar month (UTC) may have; 0 is without limit.
    #[serde(default)]
    pub monthly_conversations: u64,
}

impl cqrs_es::DomainEvent for WorkspaceEvent {
    fn event_type(&self) -> String {
        "diagent.workspace.defined".to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
