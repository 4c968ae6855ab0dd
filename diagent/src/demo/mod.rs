//! The demo: the site of a gear library that does not exist, and the agent that knows exactly its pages.
//!
//! - [`router`] serves the pages and one stylesheet; one script tag brings the widget, as on any customer's site.
//! - [`workspace`] and [`agent`] are the definitions that `up` puts, [`documents`] is the agent's knowledge.
//!
//! Nothing here is special: the agent is defined, taught and asked through the same public API as any other.

mod agent;
mod router;
mod site;

pub use agent::{agent, workspace};
pub use router::router;
pub use site::{Document, documents};

/// The workspace of the demo agent.
pub const WORKSPACE_ID: &str = "01KDEM0W0RKSPACE0000000001";

/// The demo agent.
pub const AGENT_ID: &str = "01KDEM0AGENT00000000000001";
