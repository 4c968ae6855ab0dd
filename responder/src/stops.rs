//! Stop requests reach the instance that runs the turn over the bus; they are also in the log, for one that starts later.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use edge::Tasks;
use events::{Log, MessageId};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

/// The running turns of this instance that can be stopped.
#[derive(Clone, Default)]
pub(crate) struct Stops {
    running: Arc<Mutex<HashMap<MessageId, CancellationToken>>>,
}

/// A turn that can be stopped as long as this lives.
pub(crate) struct Stoppable {
    stops: Stops,
    answer_id: MessageId,
    pub(crate) requested: CancellationToken,
}

impl Stops {
    /// Listens to stop requests until the drain has ended.
    pub(crate) fn follow(log: &Log, tasks: &Tasks) -> Self {
        let stops = Self::default();
        tasks.spawn(listen(stops.clone(), log.clone(), tasks.drain_token()));
        stops
    }

    pub(crate) fn register(&self, answer_id: MessageId) -> Stoppable {
        let requested = CancellationToken::new();
        self.lock().insert(answer_id, requested.clone());
        Stoppable {
            stops: self.clone(),
            answer_id,
            requested,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<MessageId, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.stops.lock().remove(&self.answer_id);
    }
}

async fn listen(stops: Stops, log: Log, drain: CancellationToken) {
    while !drain.is_cancelled() {
        match log.client().subscribe("stop.>").await {
            Ok(mut requests) => {
                while let Some(request) = tokio::select! {
                    request = requests.next() => request,
                    () = drain.cancelled() => None,
                } {
                    // stop.<conversation>.<answer>
                    let answer_id = request.subject.rsplit('.').next().and_then(|id| id.parse().ok());
                    if let Some(requested) = answer_id.and_then(|id: MessageId| stops.lock().get(&id).cloned()) {
                        requested.cancel();
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "stop requests cannot be heard for a moment"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
