//! The log on a real NATS server, and the stored examples of every event type.

mod append;
mod directory;
mod erase;
mod execute;
mod golden;
mod reconnect;
mod support;
mod tokens;
