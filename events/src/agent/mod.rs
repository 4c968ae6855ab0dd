//! The agent: its definition, its events and the rules that decide them.

mod decide;
mod definition;
mod event;
pub(crate) mod first_version;
mod rule;

pub use decide::*;
pub use definition::*;
pub use event::*;
pub use rule::*;
