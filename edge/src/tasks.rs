//! Background work that a drain waits for.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of one process or role. Cheap to clone; all clones share one drain.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    drain: CancellationToken,
}

impl Tasks {
    /// No tasks, not draining.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` beside everything else; a drain waits until it ends.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where tasks are spawned")]
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(self.tracker.track_future(future))
    }

    /// Cancelled when the process is told to stop.
    pub fn drain_token(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Tells everybody to finish.
    pub fn start_drain(&self) {
        self.drain.cancel();
        self.tracker.close();
    }

    /// Waits until all tasks have ended; false when some are left after `timeout`.
    pub async fn drained(&self, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_what_runs() {
        let tasks = Tasks::new();
        let drain = tasks.drain_token();
        let finished = tasks.spawn(async move { drain.cancelled().await });
        assert!(!tasks.drained(Duration::from_millis(1)).await);

        tasks.start_drain();

        assert!(tasks.drained(Duration::from_secs(5)).await);
        finished.await.expect("it ended by itself");
    }
}
