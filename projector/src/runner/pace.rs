//! How often all partitions of a process may ask for what has come: a batch costs about the same whether it holds one event or
//! a hundred, so the more partitions are busy, the longer each of them waits and the more it finds.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Between two small batches of a process.
const INTERVAL: Duration = Duration::from_millis(4);

/// When the next small batch is due. Full batches, of who catches up, are not held back.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Instant>);

impl Pace {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// A time of one's own: after `linger`, and after those of all who asked before.
    pub(super) fn next(&self, linger: Duration) -> Instant {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (Instant::now() + linger).max(*last + INTERVAL);
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(100);

    #[test]
    fn the_more_partitions_are_busy_the_longer_each_of_them_waits() {
        let pace = Pace::new();
        let asked = Instant::now();
        let times: Vec<Instant> = (0..40).map(|_| pace.next(LINGER)).collect();
        assert!(times[0] >= asked + LINGER);
        assert!(
            times.windows(2).all(|two| two[1] >= two[0] + INTERVAL),
            "each has its own"
        );
        assert!(times[39] >= asked + LINGER + INTERVAL * 39);
    }
}
