//! All partitions as one stream: first what stands, merged by time; then, for who follows, what comes.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{self, consumer::pull};
use async_stream::try_stream;
use bytes::Bytes;
use events::{Log, Partition, Position};
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::time::Instant;

use super::start::{Key, Wanted};

/// Events of different partitions that arrive within this time are put in order; a resume by one position relies on it.
const HOLD_BACK: Duration = Duration::from_millis(200);

/// One event on its way out.
pub(super) struct Event {
    pub(super) key: Key,
    pub(super) payload: Bytes,
}

/// One partition's events from where the reader stands.
struct Feed {
    partition: Partition,
    messages: BoxStream<'static, Result<jetstream::Message, async_nats::Error>>,
    /// The next event; none when it has not been looked for.
    head: Option<Event>,
    /// The partition's end when the replay began.
    end: u64,
    /// Nothing that stood is left to be read.
    is_exhausted: bool,
}

/// The feeds of all partitions.
pub(super) struct Replay {
    wanted: Wanted,
    feeds: Vec<Feed>,
}

impl Replay {
    /// Opens every partition.
    pub(super) async fn open(log: &Log, wanted: Wanted) -> Result<Self, async_nats::Error> {
        let mut feeds = Vec::new();
        for partition in Partition::all(log.partitions()) {
            feeds.push(Feed::open(log, partition, &wanted).await?);
        }
        Ok(Self { wanted, feeds })
    }

    /// What stands, in order; then, with `follow`, what comes, until the reader leaves.
    pub(super) fn events(mut self, follow: bool) -> impl Stream<Item = Result<Event, async_nats::Error>> {
        try_stream! {
            while let Some(event) = self.next_standing().await? {
                yield event;
            }
            if follow {
                let mut live = std::pin::pin!(self.live());
                while let Some(event) = live.next().await {
                    yield event?;
                }
            }
        }
    }

    async fn next_standing(&mut self) -> Result<Option<Event>, async_nats::Error> {
        for feed in &mut self.feeds {
            feed.look(&self.wanted).await?;
        }
        let standing = self.feeds.iter_mut().filter(|feed| feed.standing().is_some());
        Ok(standing
            .min_by_key(|feed| feed.standing())
            .and_then(|feed| feed.head.take()))
    }

    fn live(self) -> impl Stream<Item = Result<Event, async_nats::Error>> {
        let Self { wanted, feeds } = self;
        try_stream! {
            let mut held: BTreeMap<Key, (Instant, Event)> = BTreeMap::new();
            let mut sources = Vec::new();
            for Feed { partition, messages, head, .. } in feeds {
                held.extend(head.map(|event| (event.key, (Instant::now(), event))));
                sources.push(messages.map(move |message| (partition, message)));
            }
            let mut arriving = stream::select_all(sources);
            loop {
                let due = held.values().map(|(arrived, _)| *arrived + HOLD_BACK).min();
                let wait = async { match due { Some(due) => tokio::time::sleep_until(due).await, None => std::future::pending().await } };
                let arrived = tokio::select! {
                    arrived = arriving.next() => Some(arrived),
                    () = wait => None,
                };
                match arrived {
                    Some(None) => break,
                    Some(Some((partition, message))) => {
                        if let Some(event) = wanted.read(partition, &message?)? {
                            held.insert(event.key, (Instant::now(), event));
                        }
                    }
                    None => {
                        // Up to the newest that is due, so that nothing older comes after it.
                        let newest = held.iter().filter(|(_, (arrived, _))| arrived.elapsed() >= HOLD_BACK).map(|(key, _)| *key).max();
                        while let Some(entry) = held.first_entry().filter(|entry| Some(*entry.key()) <= newest) {
                            yield entry.remove().1;
                        }
                    }
                }
            }
        }
    }
}

impl Wanted {
    /// The event of a message, if the reader asked for it and may have it.
    fn read(&self, partition: Partition, message: &jetstream::Message) -> Result<Option<Event>, async_nats::Error> {
        let info = message.info()?;
        let position = Position {
            partition,
            sequence: info.stream_sequence,
        };
        let key = Key {
            stored_at: info.published,
            position,
        };
        let is_wanted = self.after.is_before(key)
            && self.from.is_none_or(|from| key.stored_at >= from)
            && self.to.is_none_or(|to| key.stored_at < to)
            && self.includes(&message.payload);
        Ok(is_wanted.then(|| Event {
            key,
            payload: message.payload.clone(),
        }))
    }
}

impl Feed {
    async fn open(log: &Log, partition: Partition, wanted: &Wanted) -> Result<Self, async_nats::Error> {
        let stream = log.stream(partition).await?;
        let end = log.last_sequence(partition).await?;
        let config = pull::OrderedConfig {
            deliver_policy: wanted.after.deliver_policy(partition, wanted.from),
            filter_subjects: filters(partition, wanted),
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let is_exhausted = consumer.cached_info().num_pending == 0;
        let messages = consumer
            .messages()
            .await?
            .map(|message| message.map_err(Into::into))
            .boxed();
        Ok(Self {
            partition,
            messages,
            head: None,
            end,
            is_exhausted,
        })
    }

    /// Looks for the next event, unless it is known or there is none.
    async fn look(&mut self, wanted: &Wanted) -> Result<(), async_nats::Error> {
        while self.head.is_none() && !self.is_exhausted {
            let Some(message) = self.messages.next().await else {
                self.is_exhausted = true;
                return Ok(());
            };
            let message = message?;
            let info = message.info()?;
            let is_too_late = wanted.to.is_some_and(|to| info.published >= to);
            self.is_exhausted = info.pending == 0 || info.stream_sequence > self.end || is_too_late;
            self.head = wanted.read(self.partition, &message)?;
        }
        Ok(())
    }

    /// The next event, if it stood when the replay began; a later one is kept for those who follow.
    fn standing(&self) -> Option<Key> {
        self.head
            .as_ref()
            .map(|event| event.key)
            .filter(|key| key.position.sequence <= self.end)
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
