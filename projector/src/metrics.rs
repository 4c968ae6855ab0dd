//! Every figure of the projector, by projection and partition.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const LAG_EVENTS: &str = "projector_lag_events";
const LAG_SECONDS: &str = "projector_lag_seconds";
const EVENTS: &str = "projector_events_total";
const BATCH_SECONDS: &str = "projector_batch_duration_seconds";
const RETRIES: &str = "projector_retries_total";
const DEAD_LETTERS: &str = "projector_dead_letters";
const HALTED: &str = "projector_halted_partitions";
const OWNED: &str = "projector_owned_partitions";

/// Says what the figures are; once per process.
pub fn describe() {
    describe_gauge!(
        LAG_EVENTS,
        "Events that a projection has not applied yet, as the log counts them"
    );
    describe_gauge!(
        LAG_SECONDS,
        Unit::Seconds,
        "Age of the oldest event that is not applied yet"
    );
    describe_counter!(EVENTS, "Events read, whether the projection wanted them or not");
    describe_histogram!(
        BATCH_SECONDS,
        Unit::Seconds,
        "From a batch's first statement to its commit"
    );
    describe_counter!(RETRIES, "Batches that failed and were begun again");
    describe_gauge!(
        DEAD_LETTERS,
        "Events set aside: failed ones, and those that wait behind them"
    );
    describe_gauge!(HALTED, "1 while the partition waits for an operator");
    describe_gauge!(OWNED, "1 while this process has the partition");
}

/// The labels of one partition of one version of a projection.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    projection: &'static str,
    version: String,
    partition: String,
}

impl Labels {
    pub(crate) fn new(projection: &'static str, version: i32, partition: &str) -> Self {
        Self {
            projection,
            version: version.to_string(),
            partition: partition.to_owned(),
        }
    }

    fn labels(&self) -> [(&'static str, String); 3] {
        [
            ("projection", self.projection.to_owned()),
            ("version", self.version.clone()),
            ("partition", self.partition.clone()),
        ]
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for a chart")]
    pub(crate) fn lag(&self, events: u64, age: Duration) {
        gauge!(LAG_EVENTS, &self.labels()).set(events as f64);
        gauge!(LAG_SECONDS, &self.labels()).set(age.as_secs_f64());
    }

    pub(crate) fn applied(&self, events: usize, took: Duration) {
        counter!(EVENTS, &self.labels()).increment(events as u64);
        histogram!(BATCH_SECONDS, "projection" => self.projection).record(took.as_secs_f64());
    }

    pub(crate) fn retried(&self) {
        counter!(RETRIES, &self.labels()).increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for a chart")]
    pub(crate) fn dead_letters(&self, letters: i64) {
        gauge!(DEAD_LETTERS, &self.labels()).set(letters as f64);
    }

    pub(crate) fn halted(&self, halted: bool) {
        gauge!(HALTED, &self.labels()).set(f64::from(u8::from(halted)));
    }

    pub(crate) fn owned(&self, owned: bool) {
        gauge!(OWNED, &self.labels()).set(f64::from(u8::from(owned)));
    }
}
