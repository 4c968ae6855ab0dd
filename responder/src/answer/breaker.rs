//! A model that is down is left alone for a while: visitors get the site's own sentences at once, instead of waiting for a
//! call that will fail, and the model gets room to come back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long, before one answer tries it again.
const PAUSE: Duration = Duration::from_secs(30);

/// A model that says when it is to be asked again is left alone as long, but not longer than this.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// Whether the model is asked at all; one for all answers of this process.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    failures_max: u32,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Answers in a row without a word.
    failures: u32,
    /// Nobody asks before this; who comes first after it tries, and the others go on waiting for what comes of it.
    closed_until: Option<Instant>,
}

impl Breaker {
    /// One that leaves the model alone after so many answers in a row without a word.
    pub(super) fn after(failures_max: u32) -> Self {
        Self {
            failures_max,
            state: Arc::default(),
        }
    }

    /// Whether an answer may ask the model now.
    pub(super) fn admits(&self) -> bool {
        let mut state = self.state();
        match state.closed_until {
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                state.closed_until = Some(Instant::now() + PAUSE);
                true
            }
            None => true,
        }
    }

    /// The model spoke.
    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// An answer got no word out of it; `retry_after` is what it said itself of when to come back.
    pub(super) fn failed(&self, retry_after: Option<Duration>) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let pause = retry_after.or((state.failures >= self.failures_max).then_some(PAUSE));
        if let Some(pause) = pause {
            let pause = pause.min(PAUSE_MAX);
            tracing::warn!(seconds = pause.as_secs(), "the model is left alone");
            state.closed_until = Some(Instant::now() + pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURES_MAX: u32 = 5;

    #[tokio::test(start_paused = true)]
    async fn after_some_failures_in_a_row_it_is_left_alone_and_then_tried_by_one() {
        let breaker = Breaker::after(FAILURES_MAX);
        for _ in 1..FAILURES_MAX {
            breaker.failed(None);
        }
        breaker.succeeded();
        for _ in 0..FAILURES_MAX {
            assert!(breaker.admits());
            breaker.failed(None);
        }
        assert!(!breaker.admits());

        tokio::time::advance(PAUSE).await;
        assert!(breaker.admits(), "one tries");
        assert!(!breaker.admits(), "the others wait for what comes of it");
        breaker.failed(None);
        assert!(!breaker.admits(), "it is still down");

        tokio::time::advance(PAUSE).await;
        assert!(breaker.admits());
        breaker.succeeded();
        assert!(breaker.admits() && breaker.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_says_when_to_come_back_is_left_alone_as_long() {
        let breaker = Breaker::after(FAILURES_MAX);
        breaker.failed(Some(Duration::from_secs(90)));
        tokio::time::advance(Duration::from_secs(89)).await;
        assert!(!breaker.admits());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(breaker.admits());
        breaker.failed(Some(Duration::from_hours(24)));
        tokio::time::advance(PAUSE_MAX).await;
        assert!(breaker.admits(), "nobody waits for a day");
    }
}
