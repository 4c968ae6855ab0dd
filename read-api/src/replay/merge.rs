//! All partitions as one stream, merged by the time of storage: first what stands, then, for who follows, what comes.

use std::time::Duration;

use bytes::Bytes;
use events::{Log, Partition, Position};
use futures::{StreamExt as _, TryStreamExt as _, future::select_all, stream};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::{
    cursor::Cursor,
    feed::{End, Feed, SILENCE},
    start::{Key, Wanted},
};
use crate::error::ApiError;

/// Who follows gets an event so long after it was stored, so that those of other partitions come in order.
const HOLD_BACK: Duration = Duration::from_millis(200);

/// One event on its way out.
#[derive(Debug)]
pub struct Event {
    pub key: Key,
    /// The stored `CloudEvent`.
    pub payload: Bytes,
}

/// A replay under way. It reads as its reader takes: what is ahead of the reader are a few hundred events of each partition.
pub struct Replay {
    wanted: Wanted,
    feeds: Vec<Feed>,
    clock: ServerClock,
    beginning: Cursor,
    end: Cursor,
}

impl Replay {
    /// Opens every partition.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn open(log: &Log, wanted: Wanted) -> Result<Self, ApiError> {
        // The time comes first: what was stored before it stands before the ends that are asked for after it.
        let now = info(log, Partition::Control).await?.ts;
        let clock = ServerClock {
            at: now,
            noted: Instant::now(),
        };
        let partitions = usize::from(log.partitions()) + 1;
        let opened = stream::iter(Partition::all(log.partitions())).map(|partition| {
            let wanted = &wanted;
            async move {
                let end = End {
                    sequence: info(log, partition).await?.state.last_seq,
                    time: now,
                };
                let feed = Feed::open(log, partition, end, wanted).await;
                let last = Position {
                    partition,
                    sequence: end.sequence,
                };
                feed.map(|feed| (last, feed)).map_err(ApiError::ReplayUnavailable)
            }
        });
        let opened: Vec<(Position, Feed)> = opened.buffered(partitions).try_collect().await?;
        let mut end = Cursor::beginning(log.partitions());
        for (last, _) in &opened {
            end.set(*last);
        }
        let mut replay = Self {
            feeds: opened.into_iter().map(|(_, feed)| feed).collect(),
            beginning: Cursor::beginning(log.partitions()),
            wanted,
            clock,
            end,
        };
        replay.beginning = replay.cursor();
        Ok(replay)
    }

    /// Where the reader stands after the events that it got so far.
    pub fn cursor(&self) -> Cursor {
        let mut cursor = self.end.clone();
        for feed in &self.feeds {
            cursor.set(feed.place());
        }
        cursor
    }

    /// Where the reader stood at the beginning, and where the log ended then.
    pub const fn bounds(&self) -> (&Cursor, &Cursor) {
        (&self.beginning, &self.end)
    }

    /// The next event; none when all that stood has been read, and never none for who follows. May be dropped while it
    /// waits; nothing is lost by that.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub async fn next(&mut self) -> Result<Option<Event>, async_nats::Error> {
        loop {
            for feed in &mut self.feeds {
                feed.take_arrived(&self.wanted)?;
            }
            let next = self
                .feeds
                .iter()
                .enumerate()
                .filter_map(|(index, feed)| Some((feed.next_key()?, index)));
            let next = next.min();
            let is_awaited = self.feeds.iter().any(Feed::is_awaited);
            let is_open = self.feeds.iter().any(Feed::is_open);
            let patience = match next {
                Some((_, index)) if !is_open => return Ok(self.feeds[index].give()),
                Some((key, index)) if !is_awaited => match self.clock.hold_back(key.stored_at) {
                    None => return Ok(self.feeds[index].give()),
                    Some(wait) => wait,
                },
                None if !is_open => return Ok(None),
                _ => SILENCE,
            };
            self.wait(patience).await?;
        }
    }

    /// Waits until something arrives. When nothing does, partitions that should have more are asked again.
    async fn wait(&mut self, patience: Duration) -> Result<(), async_nats::Error> {
        let wanted = &self.wanted;
        let open = self.feeds.iter_mut().filter(|feed| feed.is_open());
        let arrivals = select_all(open.map(|feed| Box::pin(feed.arrival(wanted))));
        if let Ok((arrived, ..)) = timeout(patience, arrivals).await {
            return arrived;
        }
        for feed in self.feeds.iter_mut().filter(|feed| feed.is_awaited()) {
            feed.look_again(&self.wanted).await;
        }
        Ok(())
    }
}

/// What time it is for the server that stores events, without asking it again.
struct ServerClock {
    at: OffsetDateTime,
    noted: Instant,
}

impl ServerClock {
    /// How long an event that was stored at `stored_at` is held back; none when it is old enough.
    fn hold_back(&mut self, stored_at: OffsetDateTime) -> Option<Duration> {
        let now = self.at + self.noted.elapsed();
        if stored_at > now {
            // The server's clock was set ahead, or runs faster than this one.
            (self.at, self.noted) = (stored_at, Instant::now());
            return Some(HOLD_BACK);
        }
        let age = Duration::try_from(now - stored_at).unwrap_or(HOLD_BACK);
        HOLD_BACK.checked_sub(age).filter(|wait| !wait.is_zero())
    }
}

/// What a server says of a stream; the client leaves out its time.
#[derive(Deserialize)]
struct StreamInfo {
    state: StreamState,
    #[serde(with = "time::serde::rfc3339")]
    ts: OffsetDateTime,
}

#[derive(Deserialize)]
struct StreamState {
    last_seq: u64,
}

async fn info(log: &Log, partition: Partition) -> Result<StreamInfo, ApiError> {
    let asked = log
        .jetstream()
        .request(format!("STREAM.INFO.{}", partition.stream()), &())
        .await;
    asked.map_err(|error| ApiError::ReplayUnavailable(error.into()))
}
