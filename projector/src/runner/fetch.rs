//! A partition's messages, in batches, through a durable consumer of its own: what is not acknowledged there is the lag that
//! operators and autoscalers see. Where to read on is the checkpoint's word.
//!
//! The consumer is made anew, under the same name, whenever a partition is opened. Setting the old one to the checkpoint
//! would not do: whoever had it before may still wait for messages there (a process that was paused does), and the server
//! would go on handing it a share of them.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    AckKind, ErrorCode, Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
    stream::{ConsumerError, ConsumerErrorKind, Stream},
};
use events::Log;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use super::{BatchLimits, Slot, trouble::Trouble};
use crate::projection::Registered;

/// One question to the server is open this long; while it is, an event arrives without being asked for.
const EXPIRES: Duration = Duration::from_secs(30);
/// The server gives a sign this often; when two are missing, the connection is taken for lost.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After this the server delivers again. A batch takes far less; what comes twice is dropped.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_mins(2);
/// Bytes of a batch, beyond its last message.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events that the projection does not read only move its checkpoint, which a reader may wait for: at most this long.
const UNREAD_LINGER: Duration = Duration::from_millis(250);

/// The messages after a place in a partition.
pub(super) struct Feed {
    projection: Arc<Registered>,
    messages: pull::Stream,
    limits: BatchLimits,
    /// Taken from the server, and not yet given on. Kept here, so that a call to [`Feed::next`] may be dropped.
    waiting: Vec<Message>,
    waiting_bytes: usize,
    /// Since when something waits.
    waiting_since: Instant,
    /// Whether the projection reads one of those that wait.
    is_read: bool,
    last_batch_at: Option<Instant>,
}

impl Feed {
    /// Opens a consumer of `projection` for `slot` after `sequence`.
    pub(super) async fn open(
        log: &Log,
        (projection, slot): (&Arc<Registered>, &Slot),
        sequence: u64,
        limits: BatchLimits,
    ) -> Result<Self, Trouble> {
        let name = slot.version.consumer(slot.partition);
        let stream = log.stream(slot.partition).await?;
        let config = pull::Config {
            durable_name: Some(name.clone()),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: sequence + 1,
            },
            ack_policy: AckPolicy::All,
            ack_wait: ACKNOWLEDGE_WAIT,
            // Nothing is lost with its state, and on disk the server would write and sync that ten times a second.
            memory_storage: true,
            max_ack_pending: i64::try_from(limits.events.saturating_mul(4)).unwrap_or(i64::MAX),
            ..pull::Config::default()
        };
        delete(&stream, &name).await?;
        let consumer: PullConsumer = stream
            .create_consumer(config)
            .await
            .map_err(Trouble::request("open a projection's consumer"))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(limits.events)
            .expires(EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(Trouble::request("read a partition"))?;
        Ok(Self {
            projection: Arc::clone(projection),
            messages,
            limits,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_since: Instant::now(),
            is_read: false,
            last_batch_at: None,
        })
    }

    /// The next batch: at once after a pause, else when it is full or the last one is long enough ago. One that holds nothing
    /// for the projection waits longer. May be dropped while it waits; nothing is lost by that.
    pub(super) async fn next(&mut self) -> Result<Vec<Message>, Trouble> {
        if self.waiting.is_empty() {
            let message = self.messages.next().await;
            self.waiting_since = Instant::now();
            self.take(message)?;
        }
        while self.waiting.len() < self.limits.events && self.waiting_bytes < BYTES_MAX {
            let ready = self.messages.next().now_or_never();
            let message = match ready {
                Some(message) => message,
                None => match timeout_at(self.until(), self.messages.next()).await {
                    Ok(message) => message,
                    Err(_) => break,
                },
            };
            self.take(message)?;
        }
        self.last_batch_at = Some(Instant::now());
        self.waiting_bytes = 0;
        self.is_read = false;
        Ok(std::mem::take(&mut self.waiting))
    }

    /// When what waits is a batch, whether or not more comes.
    fn until(&self) -> Instant {
        if self.is_read {
            self.last_batch_at
                .map_or_else(Instant::now, |last| last + self.limits.linger)
        } else {
            self.waiting_since + UNREAD_LINGER
        }
    }

    fn take(&mut self, message: Option<Result<Message, pull::MessagesError>>) -> Result<(), Trouble> {
        let attempted = "read a partition";
        let message = message
            .ok_or_else(|| Trouble::Request {
                attempted,
                source: "the stream of messages ended".into(),
            })?
            .map_err(Trouble::request(attempted))?;
        self.waiting_bytes += message.payload.len();
        self.is_read |= self.projection.reads_subject(&message.subject);
        self.waiting.push(message);
        Ok(())
    }
}

async fn delete(stream: &Stream<()>, name: &str) -> Result<(), Trouble> {
    match stream.delete_consumer(name).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(Trouble::request("close a projection's consumer")(error)),
    }
}

fn is_not_found(error: &ConsumerError) -> bool {
    matches!(error.kind(), ConsumerErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::CONSUMER_NOT_FOUND)
}

/// Tells the server that everything up to `last` is done.
pub(super) async fn acknowledge(last: &Message) -> Result<(), Trouble> {
    last.ack_with(AckKind::Ack)
        .await
        .map_err(Trouble::request("acknowledge a batch"))
}
