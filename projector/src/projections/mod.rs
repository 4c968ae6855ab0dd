//! The projections, one file or folder each. To add one: copy the smallest (`erasures.rs`), write its tables to
//! `migrations/<name>/v1.sql`, and put it on the list in [`crate::registry`].
//!
//! Beside them is what several need: [`forgotten`] (erasures within a batch) and [`stored`] (values as the database takes
//! them).

pub mod conversations;
pub mod documents;
pub mod erasures;
pub mod forgotten;
pub mod gaps;
pub mod leads;
pub mod stored;
pub mod telemetry;
pub mod usage;
