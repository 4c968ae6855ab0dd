//! The visitor: its events and the rules that decide them.

mod decide;
mod event;

pub use decide::*;
pub use event::*;
