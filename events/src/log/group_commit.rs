//! Facts that nobody decides are appended together: whatever waits when the last batch was acknowledged is the next one.
//!
//! With an fsync per acknowledgement one partition stores about 5,000 single events a second and 60,000 in batches of 500.
//! A batch costs the server a store of its own, some two milliseconds however little it holds. So a few single events travel
//! side by side, and batches of all partitions two at a time: those that wait for their turn grow meanwhile.

use std::sync::{Arc, Weak};

use cqrs_es::DomainEvent;
use futures::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Log, LogError, Shared,
    publish::{Outgoing, PublishError},
};
use crate::{Partition, Position, Subject, cloud_event::Meta};

/// Events in one batch; the server takes a thousand.
const BATCH: usize = 500;

/// Bytes in one batch, so that large documents do not travel together.
const BATCH_BYTES: usize = 1 << 20;

/// Up to this many single events are stored side by side instead of as one batch: about as many as cost the server what a
/// batch's store does.
const SIDE_BY_SIDE: usize = 40;

/// Batches of this process that the server may work on at a time, over all partitions.
const BATCHES_AT_ONCE: usize = 2;

/// Requests that may wait for one partition.
const WAITING: usize = 10_000;

/// One request's events, and where the answer goes.
struct Append {
    messages: Vec<Outgoing>,
    done: oneshot::Sender<Result<u64, Arc<LogError>>>,
}

/// A task per partition that appends what is sent to it.
pub(super) struct GroupCommit {
    partitions: Vec<mpsc::Sender<Append>>,
}

impl GroupCommit {
    /// Starts the tasks; they end with the log.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tasks end when the last clone of the log is dropped"
    )]
    pub(super) fn start(log: &Weak<Shared>, partitions: u16) -> Self {
        let turns = Arc::new(Semaphore::new(BATCHES_AT_ONCE));
        let start = |partition| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(run(log.clone(), partition, receiver, Arc::clone(&turns)));
            sender
        };
        Self {
            partitions: Partition::all(partitions).map(start).collect(),
        }
    }

    fn sender(&self, partition: Partition) -> Option<&mpsc::Sender<Append>> {
        match partition {
            Partition::Events(p) => self.partitions.get(usize::from(p)),
            Partition::Control => self.partitions.last(),
        }
    }
}

impl Log {
    /// Appends `events` to `subject`, together with whatever else waits for its partition, and answers the position of the
    /// last one. They stand one after the other.
    ///
    /// # Errors
    /// The log cannot be written; nothing of this request is stored unless the outcome is unclear.
    pub async fn append<E: DomainEvent>(
        &self,
        subject: &Subject,
        events: &[E],
        meta: &Meta,
    ) -> Result<Position, LogError> {
        let partition = subject.partition(self.partitions());
        let messages = self.outgoing(subject, events, meta)?;
        let sender = self
            .shared
            .group_commit
            .sender(partition)
            .ok_or(LogError::Unreachable)?;
        let (done, stored) = oneshot::channel();
        sender
            .send(Append { messages, done })
            .await
            .map_err(|_| LogError::Unreachable)?;
        let sequence = stored
            .await
            .map_err(|_| LogError::Unreachable)?
            .map_err(LogError::Grouped)?;
        Ok(Position { partition, sequence })
    }
}

async fn run(log: Weak<Shared>, partition: Partition, mut requests: mpsc::Receiver<Append>, turns: Arc<Semaphore>) {
    let mut floor = 0;
    let mut waiting = Vec::new();
    while requests.recv_many(&mut waiting, BATCH).await > 0 {
        let Some(shared) = log.upgrade() else { return };
        let log = Log { shared };
        if waiting.len() <= SIDE_BY_SIDE && waiting.iter().all(|request| request.messages.len() == 1) {
            let stored = join_all(
                waiting
                    .drain(..)
                    .map(|request| commit_one(&log, partition, request, floor)),
            )
            .await;
            floor = stored.into_iter().flatten().max().unwrap_or(floor);
            continue;
        }
        let Ok(_turn) = turns.acquire().await else { return };
        while waiting.len() < BATCH
            && let Ok(request) = requests.try_recv()
        {
            waiting.push(request);
        }
        while !waiting.is_empty() {
            let batch: Vec<Append> = waiting.drain(..take(&waiting)).collect();
            floor = commit(&log, partition, batch, floor).await;
        }
    }
}

/// Stores one request by itself and answers it; returns the last sequence that it has, if it is stored.
async fn commit_one(log: &Log, partition: Partition, request: Append, floor: u64) -> Option<u64> {
    let stored = store(log, partition, &request.messages, floor).await;
    let last = stored.as_ref().ok().copied();
    answer(request, stored.map_err(Arc::new));
    last
}

/// How many of the waiting requests go into one batch: as many as fit, and at least one.
fn take(waiting: &[Append]) -> usize {
    let (mut events, mut bytes) = (0, 0);
    let fitting = waiting.iter().take_while(|request| {
        events += request.messages.len();
        bytes += request
            .messages
            .iter()
            .map(|message| message.payload.len())
            .sum::<usize>();
        events <= BATCH && bytes <= BATCH_BYTES
    });
    fitting.count().max(1)
}

/// Stores one batch and answers its requests; returns the last sequence that is known of the partition.
async fn commit(log: &Log, partition: Partition, batch: Vec<Append>, floor: u64) -> u64 {
    let messages: Vec<Outgoing> = batch
        .iter()
        .flat_map(|request| request.messages.iter().cloned())
        .collect();
    match store(log, partition, &messages, floor).await {
        Ok(last) => {
            let mut end = last - messages.len() as u64;
            for request in batch {
                end += request.messages.len() as u64;
                answer(request, Ok(end));
            }
            last
        }
        // What the server does not take may be one request's fault: the others are stored without it.
        Err(LogError::Refused { .. }) if batch.len() > 1 => {
            let mut floor = floor;
            for request in batch {
                floor = commit_one(log, partition, request, floor).await.unwrap_or(floor);
            }
            floor
        }
        Err(error) => {
            let error = Arc::new(error);
            for request in batch {
                answer(request, Err(Arc::clone(&error)));
            }
            floor
        }
    }
}

async fn store(log: &Log, partition: Partition, messages: &[Outgoing], floor: u64) -> Result<u64, LogError> {
    match log.store(partition, messages, None, floor).await {
        Ok(last) => Ok(last),
        Err(PublishError::Log(error)) => Err(error),
        Err(PublishError::Conflict) => Err(LogError::Contended),
    }
}

/// A caller that went away needs no answer.
fn answer(request: Append, stored: Result<u64, Arc<LogError>>) {
    drop(request.done.send(stored));
}
