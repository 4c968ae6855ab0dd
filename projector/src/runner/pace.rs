//! How often all partitions of a process may ask for what has come: a batch costs about the same whether it holds one event or
//! a hundred, so the more partitions are busy, the longer each of them waits and the more it finds. And how much each may ask
//! for: they share a connection, and what the server holds for it has a limit.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Between two small batches of a process.
const INTERVAL: Duration = Duration::from_millis(4);

/// Events that all together ask for at a time. A server ends a connection that it has more than 64 MB for (`max_pending`), which
/// all projections at once had when they read a log from its begin.
const ASKED_MAX: usize = 32_000;

/// When the next small batch is due. Full batches, of who catches up, are not held back.
#[derive(Debug)]
pub(super) struct Pace {
    last: Mutex<Instant>,
    readers: Arc<()>,
}

/// One of those that read, as long as it is kept.
pub(super) struct Reader(Arc<()>);

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            readers: Arc::default(),
        }
    }

    pub(super) fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.readers))
    }

    /// A time of one's own: after `linger`, and after those of all who asked before.
    pub(super) fn next(&self, linger: Duration) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (Instant::now() + linger).max(*last + INTERVAL);
        *last
    }
}

impl Reader {
    /// How many events it may ask for at a time, of those that make a batch.
    pub(super) fn share(&self, batch: usize) -> usize {
        // The pace has one itself.
        let readers = Arc::strong_count(&self.0).saturating_sub(1).max(1);
        batch.min(ASKED_MAX / readers).max(1)
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

    #[test]
    fn however_many_read_they_ask_for_no_more_than_a_connection_takes() {
        let pace = Pace::new();
        let mut readers: Vec<Reader> = vec![pace.reader()];
        assert_eq!(readers[0].share(4_000), 4_000, "one alone has a whole batch");
        readers.extend((1..57).map(|_| pace.reader()));
        let asked: usize = readers.iter().map(|reader| reader.share(4_000)).sum();
        assert!(asked <= ASKED_MAX, "{asked}");
        readers.truncate(1);
        assert_eq!(readers[0].share(4_000), 4_000, "what others had is free again");
    }
}
