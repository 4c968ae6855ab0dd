//! The agent: its definition, its events and the rules that decide them.

mod decide;
mod definition;
mod event;

pub use decide::*;
pub use definition::*;
pub use event::*;
