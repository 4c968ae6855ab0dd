//! The binary as people start it: `diagent up`, and the roles apart as processes of their own.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod apart;
mod clock;
mod doctor;
mod export;
mod faults;
mod lag;
mod late_answer;
mod operators;
mod outages;
mod own_projection;
mod read_models;
mod restore;
mod scaling;
mod slow_readers;
mod support;
mod up;
