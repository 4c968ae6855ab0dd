//! The `diagent` binary as a library: for the whole-stack tests, and for binaries that bring projections of their own.
//!
//! - [`entry`]: from the command line to an exit code.
//! - [`roles`]: the four roles in one process, on any NATS and Postgres; what `up` and the tests start.
//! - [`up`]: everything on one machine; [`demo`]: the site and the agent that it shows.
//! - [`cli`]: the commands; [`commands`]: those for operators and analysts.
//! - [`lifecycle`]: signals and the drain; [`logging`]: where log lines go; [`infra`]: the servers that are used.

pub mod cli;
pub mod commands;
pub mod demo;
pub mod entry;
pub mod infra;
pub mod lifecycle;
pub mod logging;
mod print;
pub mod roles;
pub mod up;
