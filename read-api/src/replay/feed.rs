//! One partition on its way to a reader: what it holds, from where the reader stands, one event at a time.

use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull, stream::LastRawMessageErrorKind, stream::Stream};
use events::{Log, Partition, Position};
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use time::OffsetDateTime;

use super::{
    merge::Event,
    start::{Key, Wanted},
};

/// After such a silence a partition that should have more is asked whether it still has: the rest may have been erased.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// The largest request to a server for events; it has to hold the largest event.
const BYTES_MAX: i64 = 9 << 20;

/// Where a partition ended when the replay began.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) sequence: u64,
    /// What was stored from this time on is left for the next replay, so that all partitions end at one time.
    pub(super) time: OffsetDateTime,
}

/// What is known of the events that are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The server has more.
    Behind,
    /// The server had no more when it sent the last one.
    CaughtUp,
    /// None is wanted any more.
    Done,
}

/// One partition's events from where the reader stands.
pub(super) struct Feed {
    partition: Partition,
    stream: Stream<()>,
    consumer: String,
    filters: Vec<String>,
    messages: BoxStream<'static, Result<jetstream::Message, async_nats::Error>>,
    /// The next event, if it has been looked for and found.
    head: Option<Event>,
    /// Everything up to here has been given to the reader, or is not wanted.
    seen: u64,
    /// The newest time so far: a server's clock may be set back, the order of a replay may not.
    newest: OffsetDateTime,
    /// Something wanted has been seen: what follows is wanted too, whatever clocks say.
    has_begun: bool,
    end: End,
    /// The server that sends may have less than the log.
    may_lag: bool,
    state: State,
}

impl Feed {
    pub(super) async fn open(
        log: &Log,
        partition: Partition,
        end: End,
        wanted: &Wanted,
    ) -> Result<Self, async_nats::Error> {
        let stream = log.stream(partition).await?;
        let filters = filters(partition, wanted);
        let config = pull::OrderedConfig {
            deliver_policy: wanted.deliver_policy(partition),
            filter_subjects: filters.clone(),
            max_bytes: BYTES_MAX,
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let info = consumer.cached_info();
        let seen = wanted.has(partition).max(info.delivered.stream_sequence);
        let is_empty = info.num_pending == 0;
        let name = info.name.clone();
        let messages = consumer.messages().await?;
        let mut feed = Self {
            partition,
            stream,
            consumer: name,
            filters,
            messages: messages.map(|message| message.map_err(Into::into)).boxed(),
            head: None,
            seen,
            newest: OffsetDateTime::UNIX_EPOCH,
            has_begun: false,
            end,
            may_lag: log.may_lag(),
            state: State::Behind,
        };
        if is_empty && feed.is_end(feed.seen) {
            feed.catch_up(wanted);
        }
        Ok(feed)
    }

    /// The next event's place, if it is known.
    pub(super) fn next_key(&self) -> Option<Key> {
        self.head.as_ref().map(|event| event.key)
    }

    /// Gives the next event away.
    pub(super) fn give(&mut self) -> Option<Event> {
        let event = self.head.take()?;
        self.seen = event.key.position.sequence;
        Some(event)
    }

    /// Up to where the reader has everything that it wants of this partition.
    pub(super) fn place(&self) -> Position {
        let sequence = self
            .head
            .as_ref()
            .map_or(self.seen, |event| event.key.position.sequence - 1);
        Position {
            partition: self.partition,
            sequence,
        }
    }

    /// Whether the next event is not known, but there may be one.
    pub(super) fn is_open(&self) -> bool {
        self.head.is_none() && self.state != State::Done
    }

    /// Whether the next event is not known, but the server has one: no other partition may go first.
    pub(super) fn is_awaited(&self) -> bool {
        self.head.is_none() && self.state == State::Behind
    }

    /// Takes what has arrived, up to the next event.
    pub(super) fn take_arrived(&mut self, wanted: &Wanted) -> Result<(), async_nats::Error> {
        while self.is_open() {
            match self.messages.next().now_or_never() {
                Some(message) => self.take(wanted, message)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Waits for something to arrive. May be dropped while it waits; nothing is lost by that.
    pub(super) async fn arrival(&mut self, wanted: &Wanted) -> Result<(), async_nats::Error> {
        let message = self.messages.next().await;
        self.take(wanted, message)
    }

    /// Asks the server whether it still has what it is waited for.
    pub(super) async fn look_again(&mut self, wanted: &Wanted) {
        let everything = [">".to_owned()];
        let subjects = if self.filters.is_empty() {
            &everything[..]
        } else {
            &self.filters
        };
        for subject in subjects {
            let next = self.stream.raw_message_builder().sequence(self.seen + 1);
            match next.next_by_subject(subject).send().await {
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
                // It has, or it cannot be asked now: the consumer goes on by itself when it can.
                Ok(_) | Err(_) => return,
            }
        }
        self.catch_up(wanted);
    }

    fn take(
        &mut self,
        wanted: &Wanted,
        message: Option<Result<jetstream::Message, async_nats::Error>>,
    ) -> Result<(), async_nats::Error> {
        let message = message.ok_or("the partition's messages ended")??;
        let info = message.info()?;
        let position = Position {
            partition: self.partition,
            sequence: info.stream_sequence,
        };
        let stored = Key {
            stored_at: info.published,
            position,
        };
        let is_last = info.pending == 0;
        let is_beyond = position.sequence > self.end.sequence || stored.stored_at >= self.end.time;
        if wanted.is_after_end(stored) || (is_beyond && !wanted.follow) {
            self.state = State::Done;
            return Ok(());
        }
        // A consumer that had to be made anew before its first message begins at the log's first.
        if position.sequence > self.seen {
            self.newest = self.newest.max(stored.stored_at);
            self.has_begun |= !wanted.is_before_start(stored);
            if self.has_begun && wanted.includes(&message.payload) {
                let key = Key {
                    stored_at: self.newest,
                    position,
                };
                self.head = Some(Event {
                    key,
                    payload: message.payload.clone(),
                });
            } else {
                self.seen = position.sequence;
            }
        }
        self.state = State::Behind;
        if is_last && self.is_end(position.sequence) {
            self.catch_up(wanted);
        }
        Ok(())
    }

    /// Whether a server that has no more after this one has all: else the leader is asked, when nothing comes.
    const fn is_end(&self, sequence: u64) -> bool {
        !self.may_lag || sequence >= self.end.sequence
    }

    fn catch_up(&mut self, wanted: &Wanted) {
        self.state = if wanted.follow { State::CaughtUp } else { State::Done };
        if self.head.is_none() {
            self.seen = self.seen.max(self.end.sequence);
        }
    }
}

impl Drop for Feed {
    /// NATS would keep the consumer for half a minute: thousands, of a reader who asks again and again.
    #[expect(clippy::disallowed_methods, reason = "one request, whose answer nobody waits for")]
    fn drop(&mut self) {
        let (stream, consumer) = (self.stream.clone(), std::mem::take(&mut self.consumer));
        tokio::spawn(async move {
            if let Err(error) = stream.delete_consumer(&consumer).await {
                tracing::debug!(%error, "a replay's consumer goes by itself");
            }
        });
    }
}

/// The subjects that can hold what is wanted.
fn filters(partition: Partition, wanted: &Wanted) -> Vec<String> {
    match (partition, wanted.agent_id) {
        (Partition::Events(p), Some(agent_id)) => vec![format!("evt.{p}.*.{agent_id}.>")],
        (Partition::Control, Some(agent_id)) => {
            vec![format!("ctl.agent.{agent_id}"), format!("ctl.document.{agent_id}.>")]
        }
        (_, None) => Vec::new(),
    }
}
