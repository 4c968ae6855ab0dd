//! Token frames from the bus to a response.
//!
//! - `turn` follows one answer: frames as they come, what was missed from TOKENS, and the log when all else is gone.
//! - `queue` puts its lines in order, each once.
//! - `conclusion` says in frames what the log knows of an answer that has ended.
//! - `sse` writes a turn to a browser.

mod conclusion;
mod queue;
pub(crate) mod sse;
mod turn;

pub use queue::Line;
pub use sse::{stream, stream_nothing};
pub use turn::Turn;
