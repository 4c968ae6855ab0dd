//! What can happen in Diagent, who may decide it, and where it is kept.
//!
//! In reading order:
//!
//! 1. Names: [`ids`], [`subject`] (partitions, subjects, positions), [`clock`], [`personal`].
//! 2. Facts: [`conversation`], [`visitor`], [`lead`], [`agent`], [`workspace`] hold the events of an
//!    aggregate beside the rules that decide them; [`telemetry`] and [`document`] are facts nobody decides.
//! 3. On the wire: [`cloud_event`] (one message is one `CloudEvents` 1.0 event), [`recorded`] (decoding),
//!    [`upcast`] (old versions into today's), [`schema`] (JSON Schema of every type).
//! 4. [`log`]: the `JetStream` streams, and everything that reads or appends to them.
//! 5. Beside the log: [`tokens`] (frames of an answer while it is written), [`directory`] (agents and
//!    workspaces in memory, following CONTROL), [`markdown`] (what the text of an answer may hold).
//!
//! This crate depends on no role; every role depends on it.

pub mod agent;
mod at_once;
pub mod clock;
pub mod cloud_event;
pub mod conversation;
pub mod directory;
pub mod document;
pub mod ids;
pub mod lead;
pub mod log;
pub mod markdown;
pub mod personal;
pub mod recorded;
pub mod schema;
pub mod subject;
pub mod telemetry;
pub mod tokens;
pub mod upcast;
pub mod visitor;
pub mod workspace;

pub use clock::{Clock, Timestamp};
pub use ids::{AgentId, ConversationId, DocumentId, EventId, LeadId, MessageId, ReceiptId, VisitorId, WorkspaceId};
pub use log::Log;
pub use personal::Personal;
pub use recorded::{LogEvent, Recorded};
pub use subject::{Category, Partition, Position, Subject};
