//! How often all partitions of a process may ask for what has come: a batch costs about the same whether it holds one event or
//! a hundred, so the more partitions are busy, the longer each of them waits and the more it finds. And how much each may ask
//! for: they share a connection, and what the server holds for it has a limit.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Between two small batches of a process.
const INTERVAL: Duration = Duration::from_millis(4);

/// Events that all together have under way. A server ends a connection that it has more than 64 MB for (`max_pending`), which
/// all projections at once had when they read a log from its begin.
const UNDER_WAY_MAX: usize = 32_000;

/// What may be asked for nevertheless, by those who find the others ahead of them.
const ASKED_MIN: usize = 256;

/// When the next small batch is due, and how many events the server may be asked for. Full batches, of who catches up, are not
/// held back.
#[derive(Debug)]
pub(super) struct Pace {
    last: Mutex<Instant>,
    under_way: Arc<AtomicUsize>,
}

/// Events that were asked for, until they have come or this is dropped.
#[derive(Debug)]
pub(super) struct Asked {
    under_way: Arc<AtomicUsize>,
    /// At the beginning.
    pub(super) events: usize,
    /// Those that have not come.
    pub(super) missing: usize,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            under_way: Arc::default(),
        }
    }

    /// A time of one's own: after `linger`, and after those of all who asked before.
    pub(super) fn next(&self, linger: Duration) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (Instant::now() + linger).max(*last + INTERVAL);
        *last
    }

    /// As much of `batch` events as may be asked for now.
    pub(super) fn ask(&self, batch: usize) -> Asked {
        let free = UNDER_WAY_MAX.saturating_sub(self.under_way.load(Ordering::Relaxed));
        let events = batch.min(free.max(ASKED_MIN));
        self.under_way.fetch_add(events, Ordering::Relaxed);
        Asked {
            under_way: Arc::clone(&self.under_way),
            events,
            missing: events,
        }
    }
}

impl Asked {
    /// One of them has come.
    pub(super) fn received(&mut self) {
        let came = self.missing.min(1);
        self.missing -= came;
        self.under_way.fetch_sub(came, Ordering::Relaxed);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.missing, Ordering::Relaxed);
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
    fn however_many_ask_no_more_is_under_way_than_a_connection_takes() {
        let pace = Pace::new();
        let mut alone = pace.ask(4_000);
        assert_eq!(alone.events, 4_000, "one alone has a whole batch");
        let others: Vec<Asked> = (1..57).map(|_| pace.ask(4_000)).collect();
        assert!(
            others.iter().all(|asked| asked.events >= ASKED_MIN),
            "nobody stands still"
        );
        let under_way = alone.events + others.iter().map(|asked| asked.events).sum::<usize>();
        assert!(under_way <= UNDER_WAY_MAX + 57 * ASKED_MIN, "{under_way}");

        drop(others);
        (0..alone.events).for_each(|_| alone.received());

        let again: Vec<usize> = (0..8).map(|_| pace.ask(4_000)).map(|asked| asked.events).collect();
        assert_eq!(
            again, [4_000; 8],
            "what has come makes room, and what is not waited for any more"
        );
    }
}
