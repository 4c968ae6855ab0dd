//! What operators define: workspaces, agents, and what agents know. One file, one endpoint.
//!
//! Unknown fields are refused here, so that a typo shows.

mod agent_rules;
mod behavior_rules;
pub mod check_agent;
mod curated_rules;
pub mod delete_document;
mod knowledge;
pub mod put_agent;
pub mod put_document;
pub mod put_workspace;
pub mod read_agent;
pub mod read_agent_versions;
pub mod read_document;
pub mod read_workspace;
mod readable;
