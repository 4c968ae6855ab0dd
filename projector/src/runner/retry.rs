//! When a partition that was interrupted goes on.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Waits longer after each failure in a row; never gives up.
pub(super) struct Backoff {
    waits: ExponentialBackoff,
    failures: u32,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            waits: waits(),
            failures: 0,
        }
    }

    /// How often it failed in a row, this time included, from 1.
    pub(super) const fn attempt(&self) -> u32 {
        self.failures + 1
    }

    /// How long to wait now.
    pub(super) fn failed(&mut self) -> Duration {
        self.failures += 1;
        self.waits.next().unwrap_or(WAIT_MAX)
    }

    /// It works again.
    pub(super) fn worked(&mut self) {
        if self.failures > 0 {
            *self = Self::new();
        }
    }
}

const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(5);

fn waits() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(WAIT_MIN)
        .with_max_delay(WAIT_MAX)
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_start_again_when_it_works() {
        let mut backoff = Backoff::new();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.failed()).collect();
        assert!(
            waits.is_sorted() && waits[0] == WAIT_MIN && waits[19] == WAIT_MAX,
            "{waits:?}"
        );
        assert_eq!(backoff.attempt(), 21);

        backoff.worked();

        assert_eq!((backoff.attempt(), backoff.failed()), (1, WAIT_MIN));
    }
}
