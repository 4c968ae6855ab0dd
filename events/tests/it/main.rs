//! The log on a real NATS server, and the stored examples of every event type.

#![expect(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and has nothing to drain"
)]

mod any_event;
mod append;
mod counting;
mod directory;
mod erase;
mod execute;
mod golden;
mod late_batch;
mod reconnect;
mod support;
mod tokens;
