//! Live events to browsers: the contract's `reverb`, a socket that speaks version 7 of the Pusher protocol.
//!
//! What happens in a conversation goes from the log to whoever listens on this instance, so any instance serves any
//! conversation, and nothing has to be told to two places:
//!
//! ```text
//! EVENTS-0…P ──▶ feed ──▶ channels ──▶ session ──▶ browser
//!                  ▲
//!     typing.* ────┘  revocations end sessions
//! ```
//!
//! - [`connect`] is `GET /app/{key}`, [`session`] one open socket, [`protocol`] the frames it speaks, [`places`] how many
//!   there may be.
//! - [`authorise`] is `POST /broadcasting/auth`: it signs who may listen to which conversation ([`app_key`]).
//! - [`feed`] reads the log, [`news`] says what a channel hears of an event, [`channels`] knows who listens.
//! - [`stream_events`] is the same news as Server-Sent Events, where sockets are blocked.

pub mod app_key;
pub mod authorise;
pub mod channels;
pub mod connect;
mod feed;
mod news;
mod places;
mod protocol;
mod session;
pub mod stream_events;

use std::{sync::Arc, time::Duration};

use events::{
    Log, Partition,
    log::{LogError, Revocations},
};
use tokio_util::task::AbortOnDropHandle;

pub use self::places::PlaceLimits;
use self::{channels::Channels, places::Places};
use crate::app::App;

/// Who listens on this instance, and what keeps them informed. Ends with its last clone.
pub struct Live {
    pub channels: Arc<Channels>,
    places: Arc<Places>,
    _feeds: Vec<AbortOnDropHandle<()>>,
}

impl Live {
    /// Begins to follow the log, from its end on.
    ///
    /// # Errors
    /// The log cannot be read.
    #[expect(clippy::disallowed_methods, reason = "the feeds end with their handles")]
    pub async fn follow(log: &Log, revocations: &Revocations, limits: PlaceLimits) -> Result<Self, LogError> {
        let channels = Arc::new(Channels::default());
        let mut feeds = Vec::new();
        for partition in (0..log.partitions()).map(Partition::Events) {
            let next = log.last_sequence(partition).await? + 1;
            let feed = feed::Feed {
                log: log.clone(),
                partition,
                channels: Arc::clone(&channels),
                next,
            };
            feeds.push(AbortOnDropHandle::new(tokio::spawn(feed.follow())));
        }
        let typing = feed::typing(log.clone(), Arc::clone(&channels));
        feeds.push(AbortOnDropHandle::new(tokio::spawn(typing)));
        let erasures = feed::erasures(revocations.clone(), Arc::clone(&channels));
        feeds.push(AbortOnDropHandle::new(tokio::spawn(erasures)));
        Ok(Self {
            channels,
            places: Places::of(limits),
            _feeds: feeds,
        })
    }
}

/// Returns some time during a drain's grace, at another moment for each `seed`: what is sent away comes back elsewhere, and
/// should not come back all at once.
async fn time_to_leave(app: &App, seed: u128) {
    app.tasks.drain_token().cancelled().await;
    let wait_ms = seed % app.stream_drain_grace.as_millis().max(1);
    tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))).await;
}
