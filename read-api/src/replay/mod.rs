//! The log for analysts: every event as it stands there, in one order over all partitions.
//!
//! The order is (time of storage, partition, sequence), and a partition's own order before all. What one replay gives is
//! a beginning of that order: all partitions end at one time. Who follows gets each event a moment after it was stored,
//! in the same order unless it took longer than that moment to arrive. A [`Cursor`] resumes exactly, whatever clocks say.
//!
//! `diagent replay` reads the log by the same way, without HTTP in between.

mod cursor;
mod encode;
mod feed;
mod merge;
pub mod read_events;
pub mod read_schema;
mod start;

pub(crate) use self::start::Place;
pub use self::{
    cursor::Cursor,
    encode::{Format, line},
    merge::{Event, Replay},
    start::{Filter, Key, Wanted},
};
