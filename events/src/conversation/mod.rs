//! The conversation: its events and the rules that decide them.

mod decide;
mod event;
mod state;

pub use decide::*;
pub use event::*;
pub use state::*;
