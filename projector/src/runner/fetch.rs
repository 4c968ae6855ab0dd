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
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Runner, Slot, pace::Asked, trouble::Trouble};
use crate::projection::Registered;

/// A question for the next event is open this long: short, since one that a restarted server forgot is noticed by its end.
const EXPIRES: Duration = Duration::from_secs(2);
/// The server answers, or says that there is nothing: without a sign for so long beyond that, the question is lost.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// After this the server delivers again what was lost on its way between the servers of a cluster, which nobody else notices. A
/// batch takes far less; what comes twice is dropped.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(30);
/// Bytes of a batch, beyond its last message.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events that the projection does not read only move its checkpoint, which a reader may wait for: at most this long.
const UNREAD_LINGER: Duration = Duration::from_millis(250);

/// The messages after a place in a partition. A quiet partition is asked for one message, and when that has come and the
/// linger is over, for all there are by then; a busy one for all there are, as often as the pace allows: one at a time they
/// would cost the server, and us, several times as much.
pub(super) struct Feed {
    projection: Arc<Registered>,
    consumer: PullConsumer,
    runner: Arc<Runner>,
    pull: Option<Pull>,
    then: Then,
    /// Whether there is more than what waits, and it is still to be asked for.
    gathers: bool,
    /// Taken from the server, and not yet given on. Kept here, so that a call to [`Feed::next`] may be dropped.
    waiting: Vec<Message>,
    waiting_bytes: usize,
    /// Since when something waits.
    waiting_since: Instant,
    /// Whether the projection reads one of those that wait.
    is_read: bool,
}

/// A question to the server, and what came of it so far.
struct Pull {
    messages: pull::Batch,
    asked: Asked,
    /// Whether it waits for a message that is not stored yet.
    is_patient: bool,
    /// When it is lost.
    overdue: Instant,
}

/// What is asked next.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// All there are: the last question was answered in full.
    AtOnce,
    /// All there are by then.
    At(Instant),
    /// The next one, whenever it comes.
    Patiently,
}

impl Feed {
    /// Opens a consumer of `projection` for `slot` after `sequence`.
    pub(super) async fn open(
        runner: &Arc<Runner>,
        (projection, slot): (&Arc<Registered>, &Slot),
        sequence: u64,
    ) -> Result<Self, Trouble> {
        let name = slot.version.consumer(slot.partition);
        let stream = runner.log.stream(slot.partition).await?;
        let config = pull::Config {
            durable_name: Some(name.clone()),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: sequence + 1,
            },
            ack_policy: AckPolicy::All,
            ack_wait: ACKNOWLEDGE_WAIT,
            // Nothing is lost with its state, and on disk the server would write and sync that ten times a second.
            memory_storage: true,
            max_ack_pending: i64::try_from(runner.limits.events.saturating_mul(4)).unwrap_or(i64::MAX),
            ..pull::Config::default()
        };
        delete(&stream, &name).await?;
        let consumer = stream
            .create_consumer(config)
            .await
            .map_err(Trouble::request("open a projection's consumer"))?;
        Ok(Self {
            projection: Arc::clone(projection),
            consumer,
            runner: Arc::clone(runner),
            pull: None,
            then: Then::AtOnce,
            gathers: false,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_since: Instant::now(),
            is_read: false,
        })
    }

    /// The next batch: when it is full, or was given the time to gather. One that holds nothing for the projection waits
    /// longer. May be dropped while it waits; nothing is lost by that.
    pub(super) async fn next(&mut self) -> Result<Vec<Message>, Trouble> {
        while !self.is_batch() {
            if self.pull.is_none() {
                self.ask().await?;
            }
            self.receive().await?;
        }
        if self.pull.is_none() && matches!(self.then, Then::AtOnce) {
            // On its way while this one is applied.
            self.ask().await?;
        }
        self.waiting_bytes = 0;
        self.is_read = false;
        Ok(std::mem::take(&mut self.waiting))
    }

    /// Whether what waits is a batch, whether or not more comes.
    fn is_batch(&self) -> bool {
        let is_full = self.waiting.len() >= self.runner.limits.events || self.waiting_bytes >= BYTES_MAX;
        let is_all = self.pull.as_ref().map_or(!self.gathers, |pull| pull.is_patient);
        let is_time = self.is_read || Instant::now() >= self.waiting_since + UNREAD_LINGER;
        is_full || (!self.waiting.is_empty() && is_all && is_time)
    }

    /// Asks the server, when it is time to.
    async fn ask(&mut self) -> Result<(), Trouble> {
        let attempted = "read a partition";
        let is_patient = matches!(self.then, Then::Patiently);
        if let Then::At(time) = self.then {
            sleep_until(time).await;
        }
        let batch = if is_patient { 1 } else { self.runner.limits.events };
        let asked = self.runner.pace.ask(batch);
        let messages = if is_patient {
            self.consumer
                .batch()
                .max_messages(asked.events)
                .expires(EXPIRES)
                .messages()
                .await
        } else {
            if matches!(self.then, Then::AtOnce) {
                self.waiting.reserve(asked.events);
            }
            self.consumer.fetch().max_messages(asked.events).messages().await
        };
        let patience = if is_patient { EXPIRES + SILENCE_MAX } else { SILENCE_MAX };
        self.pull = Some(Pull {
            messages: messages.map_err(Trouble::request(attempted))?,
            asked,
            is_patient,
            overdue: Instant::now() + patience,
        });
        Ok(())
    }

    /// Takes what there is, and waits for more unless what waits is a batch by then.
    async fn receive(&mut self) -> Result<(), Trouble> {
        let attempted = "read a partition";
        let Some(pull) = &mut self.pull else { return Ok(()) };
        let until = if pull.is_patient && !self.waiting.is_empty() {
            pull.overdue.min(self.waiting_since + UNREAD_LINGER)
        } else {
            pull.overdue
        };
        let message = match pull.messages.next().now_or_never() {
            Some(message) => message,
            None => match timeout_at(until, pull.messages.next()).await {
                Ok(message) => message,
                Err(_) if Instant::now() < pull.overdue => return Ok(()),
                Err(_) => {
                    return Err(Trouble::Request {
                        attempted,
                        source: "the server gives no sign".into(),
                    });
                }
            },
        };
        let Some(message) = message else {
            let is_full = pull.asked.missing == 0;
            self.gathers = is_full;
            self.then = if pull.asked.missing == pull.asked.events {
                Then::Patiently
            } else if is_full && !pull.is_patient {
                Then::AtOnce
            } else {
                Then::At(self.runner.pace.next(self.runner.limits.linger))
            };
            self.pull = None;
            return Ok(());
        };
        let message = message.map_err(Trouble::request(attempted))?;
        pull.asked.received();
        pull.overdue = Instant::now() + SILENCE_MAX;
        if self.waiting.is_empty() {
            self.waiting_since = Instant::now();
        }
        self.waiting_bytes += message.payload.len();
        self.is_read = self.is_read || self.projection.reads_subject(&message.subject);
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
