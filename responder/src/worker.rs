//! Which turn, on which instance: one durable consumer per partition, shared by all instances.
//!
//! A message that is being worked on is held by heartbeats; one whose responder died comes to another after four seconds,
//! with a higher delivery count, which is the attempt.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, Consumer, pull},
};
use edge::Tasks;
use events::{
    Log, LogEvent, MessageId, Partition, Recorded, conversation::ConversationEvent, directory::Directory, log::LogError,
};
use futures::StreamExt as _;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::{Config, answer::Answerer, metrics, stops::Stops, turn};

/// A message that shows no sign of life this long goes to another instance.
const ACK_WAIT: Duration = Duration::from_secs(4);
const HEARTBEAT: Duration = Duration::from_millis(1_300);

/// Messages that one partition may have under way, over all instances.
const UNDER_WAY: i64 = 2_000;

const PULL: usize = 64;
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What every turn needs.
pub(crate) struct Worker {
    pub(crate) log: Log,
    pub(crate) pool: PgPool,
    pub(crate) directory: Directory,
    pub(crate) answerer: Answerer,
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

/// Takes turns from every partition until the drain.
pub(crate) fn start(worker: &Arc<Worker>) {
    let places = Arc::new(Semaphore::new(worker.config.max_turns));
    for p in 0..worker.log.partitions() {
        let (worker, places) = (Arc::clone(worker), Arc::clone(&places));
        worker.tasks.clone().spawn(async move {
            let drain = worker.tasks.drain_token();
            while !drain.is_cancelled() {
                if let Err(error) = consume(&worker, &places, Partition::Events(p)).await {
                    tracing::warn!(partition = p, %error, "turns cannot be taken for a moment");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        });
    }
}

async fn consume(worker: &Arc<Worker>, places: &Arc<Semaphore>, partition: Partition) -> Result<(), async_nats::Error> {
    let consumer = consumer(&worker.log, partition).await?;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(PULL)
        .expires(Duration::from_secs(5))
        .heartbeat(Duration::from_secs(1))
        .messages()
        .await?;
    let drain = worker.tasks.drain_token();
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = drain.cancelled() => return Ok(()),
        };
        let Some(message) = message else { return Ok(()) };
        take(worker, places, message?).await?;
    }
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
        return message.ack().await;
    };
    let attempt = message
        .info()
        .map_or(1, |info| u32::try_from(info.delivered).unwrap_or(u32::MAX));
    let due = Due {
        recorded,
        answer_id,
        attempt,
    };
    let (worker, places) = (Arc::clone(worker), Arc::clone(places));
    worker
        .tasks
        .clone()
        .spawn(async move { hold(worker, places, message, due).await });
    Ok(())
}

/// Runs the turn while heartbeats hold its message, then lets the message go.
async fn hold(worker: Arc<Worker>, places: Arc<Semaphore>, message: jetstream::Message, due: Due) {
    let _running = metrics::Running::begin();
    let answer_id = due.answer_id;
    let turn = async {
        let _place = places.acquire().await;
        turn::run(&worker, due).await
    };
    let mut turn = std::pin::pin!(turn);
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.tick().await;
    let ended: Result<(), LogError> = loop {
        tokio::select! {
            ended = &mut turn => break ended,
            _ = heartbeat.tick() => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::warn!(%error, message.id = %answer_id, "a turn could not be held");
                }
            }
        }
    };
    let acknowledged = match ended {
        Ok(()) => message.ack().await,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, message.id = %answer_id, "a turn is given back");
            metrics::turn_ended("redelivered", Duration::ZERO);
            message.ack_with(AckKind::Nak(Some(RETRY_PAUSE))).await
        }
    };
    if let Err(error) = acknowledged {
        // It will be delivered again, and found to be over.
        tracing::warn!(%error, message.id = %answer_id, "a turn's end could not be acknowledged");
    }
}
