//! Stop requests reach the instance that runs the turn over the bus; they are also in the log, for one that starts later.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use edge::Tasks;
use events::{Log, MessageId};
use futures::StreamExt as _;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The running turns of this instance that can be stopped. Listens until the last clone is dropped, so that a turn can
/// still be stopped while the instance drains.
#[derive(Clone)]
pub(crate) struct Stops {
    running: Running,
    _listener: Arc<AbortOnDropHandle<()>>,
}

type Running = Arc<Mutex<HashMap<MessageId, Turn>>>;

struct Turn {
    requested: CancellationToken,
    /// An attempt may begin before the one that was given up has noticed: both are stopped, and the last one forgets.
    attempts: usize,
}

/// A turn that can be stopped as long as this lives.
pub(crate) struct Stoppable {
    running: Running,
    answer_id: MessageId,
    pub(crate) requested: CancellationToken,
}

impl Stops {
    /// Listens to stop requests.
    pub(crate) fn follow(log: &Log, tasks: &Tasks) -> Self {
        let running = Running::default();
        let listener = tasks.spawn(listen(Arc::clone(&running), log.clone()));
        Self {
            running,
            _listener: Arc::new(AbortOnDropHandle::new(listener)),
        }
    }

    /// To be called before the log is asked whether a stop was requested: one that comes in between is heard here.
    pub(crate) fn register(&self, answer_id: MessageId) -> Stoppable {
        Stoppable::register(&self.running, answer_id)
    }
}

impl Stoppable {
    fn register(running: &Running, answer_id: MessageId) -> Self {
        let mut turns = lock(running);
        let turn = turns.entry(answer_id).or_insert_with(|| Turn {
            requested: CancellationToken::new(),
            attempts: 0,
        });
        turn.attempts += 1;
        Self {
            running: Arc::clone(running),
            answer_id,
            requested: turn.requested.clone(),
        }
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        let mut turns = lock(&self.running);
        if let Some(turn) = turns.get_mut(&self.answer_id) {
            turn.attempts -= 1;
            if turn.attempts == 0 {
                turns.remove(&self.answer_id);
            }
        }
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<MessageId, Turn>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stop(running: &Running, answer_id: MessageId) {
    if let Some(turn) = lock(running).get(&answer_id) {
        turn.requested.cancel();
    }
}

async fn listen(running: Running, log: Log) {
    loop {
        match log.client().subscribe("stop.>").await {
            Ok(mut requests) => {
                while let Some(request) = requests.next().await {
                    // stop.<conversation>.<answer>
                    if let Some(Ok(answer_id)) = request.subject.rsplit('.').next().map(str::parse) {
                        stop(&running, answer_id);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "stop requests cannot be heard for a moment"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: MessageId = MessageId::from_bits(1);

    #[test]
    fn a_stop_reaches_its_turn_and_no_other() {
        let running = Running::default();
        let (one, other) = (
            Stoppable::register(&running, ONE),
            Stoppable::register(&running, MessageId::from_bits(2)),
        );

        stop(&running, ONE);

        assert!(one.requested.is_cancelled());
        assert!(!other.requested.is_cancelled());
    }

    #[test]
    fn an_attempt_that_was_given_up_does_not_deafen_its_successor() {
        let running = Running::default();
        let first = Stoppable::register(&running, ONE);
        let second = Stoppable::register(&running, ONE);

        drop(first);
        stop(&running, ONE);

        assert!(second.requested.is_cancelled());
        drop(second);
        assert!(lock(&running).is_empty(), "nothing is kept");
    }
}
