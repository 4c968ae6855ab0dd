//! Which turn, on which instance: one durable consumer per partition, shared by all instances.
//!
//! A message that is being worked on is held by heartbeats; one whose responder died comes to another after four seconds,
//! with a higher delivery count, which is the attempt. An instance asks for more only while it has a place for a turn, so
//! that turns go where they can be answered.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, Consumer, pull},
};
use edge::Tasks;
use events::{
    Log, LogEvent, MessageId, Partition, Recorded, conversation::ConversationEvent, directory::Directory, log::LogError,
};
use futures::{FutureExt as _, StreamExt as _};
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::Instant};

use crate::{Config, acknowledge::Acknowledger, answer::Answerer, embed::Questions, metrics, stops::Stops, turn};

/// A message that shows no sign of life this long goes to another instance.
const ACK_WAIT: Duration = Duration::from_secs(4);
const HEARTBEAT: Duration = Duration::from_millis(1_300);

/// Messages that one partition may have under way, over all instances.
const UNDER_WAY: i64 = 2_000;

/// Messages that one pull asks for at most.
const PULL_MAX: usize = 64;

/// A pull without messages ends after this. Short, since a pull that a restarted server forgot is noticed only by its end:
/// heartbeats would tell sooner, but `Batch` of async-nats 0.51 is not woken after one.
const PULL_EXPIRES: Duration = Duration::from_secs(2);
const PULL_OVERDUE: Duration = Duration::from_secs(3);

const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What every turn needs.
pub(crate) struct Worker {
    pub(crate) log: Log,
    pub(crate) pool: PgPool,
    pub(crate) directory: Directory,
    pub(crate) answerer: Answerer,
    pub(crate) questions: Questions,
    pub(crate) stops: Stops,
    pub(crate) config: Config,
    pub(crate) tasks: Tasks,
}

/// A turn as the log names it.
pub(crate) struct Due {
    pub(crate) recorded: Recorded,
    pub(crate) answer_id: MessageId,
    /// 1 for the first responder.
    pub(crate) attempt: u32,
}

/// How a turn leaves this instance.
enum Left {
    /// It is over.
    Ended,
    /// The log could not be read or written: somebody has to try again.
    Failed(LogError),
    /// This instance drains.
    Drained,
}

/// Takes turns from every partition until the drain.
pub(crate) fn start(worker: &Arc<Worker>) {
    let places = Arc::new(Semaphore::new(worker.config.max_turns));
    for p in 0..worker.log.partitions() {
        let (worker, places) = (Arc::clone(worker), Arc::clone(&places));
        let over = Acknowledger::start(&worker.log, &worker.tasks);
        worker.tasks.clone().spawn(async move {
            let drain = worker.tasks.drain_token();
            while !drain.is_cancelled() {
                if let Err(error) = consume(&worker, &places, &over, Partition::Events(p)).await {
                    tracing::warn!(partition = p, %error, "turns cannot be taken for a moment");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        });
    }
}

async fn consume(
    worker: &Arc<Worker>,
    places: &Arc<Semaphore>,
    over: &Acknowledger,
    partition: Partition,
) -> Result<(), async_nats::Error> {
    let consumer = consumer(&worker.log, partition).await?;
    let drain = worker.tasks.drain_token();
    loop {
        // Turns that wait for a place came first, and the semaphore is fair: they get theirs before more is pulled.
        tokio::select! {
            place = places.acquire() => drop(place),
            () = drain.cancelled() => return Ok(()),
        }
        let messages = share(places.available_permits(), worker.log.partitions());
        let pulled = consumer.batch().max_messages(messages).expires(PULL_EXPIRES).messages();
        let mut pulled = pulled.await?;
        let overdue = tokio::time::sleep(PULL_OVERDUE);
        let mut overdue = std::pin::pin!(overdue);
        loop {
            let message = tokio::select! {
                message = pulled.next() => message,
                () = &mut overdue => None,
                () = drain.cancelled() => {
                    // What has arrived already would else wait for the end of its hold.
                    while let Some(Some(Ok(message))) = pulled.next().now_or_never() {
                        message.ack_with(AckKind::Nak(None)).await?;
                    }
                    return Ok(());
                }
            };
            let Some(message) = message else { break };
            take(worker, places, over, message?).await?;
        }
    }
}

/// Messages to ask for on one partition, so that what all partitions bring at once finds a place.
fn share(free_places: usize, partitions: u16) -> usize {
    (free_places / usize::from(partitions).max(1)).clamp(1, PULL_MAX)
}

async fn consumer(log: &Log, partition: Partition) -> Result<Consumer<pull::Config>, async_nats::Error> {
    let name = format!("responder_{partition}");
    let config = pull::Config {
        durable_name: Some(name.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: UNDER_WAY,
        filter_subject: format!("evt.{partition}.conversation.>"),
        ..pull::Config::default()
    };
    Ok(log
        .stream(partition)
        .await?
        .get_or_create_consumer(&name, config)
        .await?)
}

/// Acknowledges what opens no turn, and starts a task for what does.
async fn take(
    worker: &Arc<Worker>,
    places: &Arc<Semaphore>,
    over: &Acknowledger,
    message: jetstream::Message,
) -> Result<(), async_nats::Error> {
    let recorded = match Recorded::from_message(&message) {
        Ok(recorded) => recorded,
        Err(error) => {
            // Of a newer binary, or no event at all: nobody here can answer it.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a message cannot be read and is passed over"
            );
            return message.ack_with(AckKind::Term).await;
        }
    };
    let LogEvent::Conversation(ConversationEvent::MessagePosted {
        answer_id: Some(answer_id),
        ..
    }) = recorded.event
    else {
        over.acknowledge(message);
        return Ok(());
    };
    let attempt = message
        .info()
        .map_or(1, |info| u32::try_from(info.delivered).unwrap_or(u32::MAX));
    if attempt > 1 {
        metrics::turn_redelivered();
    }
    let due = Due {
        recorded,
        answer_id,
        attempt,
    };
    let (worker, places, over) = (Arc::clone(worker), Arc::clone(places), over.clone());
    worker
        .tasks
        .clone()
        .spawn(async move { hold(worker, places, over, message, due).await });
    Ok(())
}

/// Runs the turn while heartbeats hold its message, then lets the message go.
async fn hold(worker: Arc<Worker>, places: Arc<Semaphore>, over: Acknowledger, message: jetstream::Message, due: Due) {
    let _running = metrics::Running::begin();
    let (answer_id, attempt) = (due.answer_id, due.attempt);
    let mut turn = std::pin::pin!(answer(&worker, &places, due));
    // Not `interval`: its first tick, though due at once, comes up to a millisecond later.
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let left = loop {
        tokio::select! {
            left = &mut turn => break left,
            _ = heartbeat.tick() => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::warn!(%error, message.id = %answer_id, "a turn could not be held");
                }
            }
        }
    };
    let given_back = match left {
        Left::Ended => return over.acknowledge(message),
        Left::Failed(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, message.id = %answer_id, "a turn is given back");
            metrics::turn_given_back();
            // Attempts are counted, and a log that is away for a while should not use them up.
            message.ack_with(AckKind::Nak(Some(RETRY_PAUSE * attempt))).await
        }
        Left::Drained => {
            tracing::info!(message.id = %answer_id, "a turn is left to another instance");
            metrics::turn_given_back();
            message.ack_with(AckKind::Nak(None)).await
        }
    };
    if let Err(error) = given_back {
        // It will be delivered again, when it shows no sign of life.
        tracing::warn!(%error, message.id = %answer_id, "a turn could not be given back");
    }
    if worker.tasks.drain_token().is_cancelled()
        && let Err(error) = worker.log.client().flush().await
    {
        // The process ends when its tasks have: what is not sent by then is lost.
        tracing::warn!(%error, message.id = %answer_id, "that a turn is given back could not be sent");
    }
}

/// Answers the turn once there is a place for it. A drain waits for it only so long.
async fn answer(worker: &Worker, places: &Semaphore, due: Due) -> Left {
    let drain = worker.tasks.drain_token();
    let _place = tokio::select! {
        biased;
        () = drain.cancelled() => return Left::Drained,
        place = places.acquire() => place,
    };
    let patience_is_over = async {
        drain.cancelled().await;
        tokio::time::sleep(worker.config.answer_drain()).await;
    };
    tokio::select! {
        ended = turn::run(worker, due) => match ended {
            Ok(()) => Left::Ended,
            Err(error) => Left::Failed(error),
        },
        () = patience_is_over => Left::Drained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_asks_for_no_more_than_there_is_room_for() {
        assert_eq!(share(64, 8), 8);
        assert_eq!(share(3, 8), 1, "a turn that comes always finds somebody");
        assert_eq!(share(10_000, 8), PULL_MAX);
    }
}
