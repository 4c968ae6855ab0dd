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

use std::sync::Arc;

use events::{
    Log, Partition,
    log::{LogError, Revocations, at_start},
};
use tokio_util::task::AbortOnDropHandle;

pub use self::places::PlaceLimits;
use self::{channels::Channels, places::Places, protocol::Closing};
use crate::{app::App, draining::share};

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
            let next = at_start(|| log.last_sequence(partition)).await? + 1;
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

/// When a client that did nothing wrong has to connect again: some time during a drain's grace, or before it has become too old,
/// at another moment for each `seed`. What is sent away comes back elsewhere, and should not come back all at once.
async fn time_to_leave(app: &App, seed: u128) -> Closing {
    let draining = async {
        app.tasks.drain_token().cancelled().await;
        tokio::time::sleep(share(app.stream_drain_grace, seed)).await;
    };
    let age_max = app.reverb.reverb_socket_max_age;
    tokio::select! {
        () = draining => Closing::Draining,
        () = tokio::time::sleep(age_max.saturating_sub(share(age_max / 8, seed))), if !age_max.is_zero() => Closing::Aged,
    }
}
