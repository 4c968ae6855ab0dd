//! The projector on a real NATS and a real PostgreSQL, each test with its own.

mod contention;
mod dead_letters;
mod erasure;
mod gaps;
mod generated;
mod independence;
mod like_questions;
mod migrations;
mod read_models;
mod rollout;
mod sharing;
mod support;
mod survival;
mod verify;
mod versions;
