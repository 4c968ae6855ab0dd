//! The log for analysts: every event as it stands there, in one order over all partitions.
//!
//! The order is (time of storage, partition, sequence). A partition's own order is always kept. One position therefore says
//! where a reader stands in all partitions; a list of positions, one per partition, says it without looking at times.

mod encode;
mod merge;
pub mod read_events;
pub mod read_schema;
mod start;
