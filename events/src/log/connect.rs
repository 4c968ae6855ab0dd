//! The connection to NATS: made once, kept by itself, and known to be up or down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, jetstream};
use backon::{ExponentialBuilder, Retryable};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::{Log, LogError, Shared, group_commit::GroupCommit, store::Caches, streams};
use crate::{Clock, Timestamp};

/// How long a request waits for a connection that was lost, before it is answered with an error.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// How long a starting process waits for a server that starts beside it.
const STARTUP_PATIENCE: Duration = Duration::from_secs(30);

/// Where the log is, and what it is when it has to be created.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `nats://user:password@host:port`, several separated by commas.
    pub nats_url: String,
    /// Streams that share the visitors; fixed when the log is created.
    pub partitions: u16,
    /// Copies of each stream: 1, or 3 on a cluster.
    pub replicas: usize,
    /// Names the connection in the server's own views.
    pub role: &'static str,
}

/// Why a process has no log.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("NATS cannot be reached; is NATS_URL right, and is the server up?")]
    Unreachable(#[source] async_nats::ConnectError),
    #[error("the stream {stream} cannot be created or read")]
    Stream {
        stream: String,
        #[source]
        source: async_nats::Error,
    },
    #[error("the stream {stream} stands with {field} {found}, and {expected} was expected")]
    Differs {
        stream: String,
        field: &'static str,
        expected: String,
        found: String,
    },
    #[error("the stream CONTROL is not of a Diagent log: its metadata lacks {0}")]
    Foreign(&'static str),
}

/// How often missing streams are asked for before the connection is used without them.
const RENEWALS: usize = 20;

pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) jetstream: jetstream::Context,
    connected: watch::Receiver<bool>,
    /// Since when TOKENS keeps frames, in milliseconds since 1970 by the server's clock.
    frames_since: Arc<AtomicI64>,
    _keeper: AbortOnDropHandle<()>,
}

/// What the client said last of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Down,
    /// Up again, perhaps to a server that was started anew.
    Back,
}

impl Connection {
    #[expect(clippy::disallowed_methods, reason = "the keeper ends with its handle")]
    async fn open(config: &LogConfig) -> Result<Self, ConnectError> {
        let (client, link) = (|| connect(config))
            .retry(startup())
            .notify(|error, _| tracing::warn!(%error, "NATS cannot be reached yet"))
            .await
            .map_err(ConnectError::Unreachable)?;
        let jetstream = jetstream::new(client.clone());
        let (up, connected) = watch::channel(true);
        let frames_since = Arc::new(AtomicI64::new(0));
        let shown = (up, Arc::clone(&frames_since));
        let keeper = tokio::spawn(keep(jetstream.clone(), config.replicas, link, shown));
        Ok(Self {
            client,
            jetstream,
            connected,
            frames_since,
            _keeper: AbortOnDropHandle::new(keeper),
        })
    }

    /// Returns when there is a connection.
    ///
    /// # Errors
    /// [`LogError::Unreachable`] when there is none for two seconds.
    pub(super) async fn up(&self) -> Result<(), LogError> {
        if *self.connected.borrow() {
            return Ok(());
        }
        let mut connected = self.connected.clone();
        match tokio::time::timeout(RECONNECT_PATIENCE, connected.wait_for(|up| *up)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(LogError::Unreachable),
        }
    }
}

/// Says whether there is a connection that can be worked with. A server that was started anew has lost the streams that it
/// kept in memory: they are made again before anybody is told that it is back.
async fn keep(
    jetstream: jetstream::Context,
    replicas: usize,
    mut link: watch::Receiver<Link>,
    (up, frames_since): (watch::Sender<bool>, Arc<AtomicI64>),
) {
    while link.changed().await.is_ok() {
        let now = *link.borrow_and_update();
        if now == Link::Back {
            let renewed = (|| streams::renew(&jetstream, replicas))
                .retry(
                    ExponentialBuilder::default()
                        .with_min_delay(Duration::from_millis(20))
                        .with_max_delay(Duration::from_millis(500))
                        .with_max_times(RENEWALS),
                )
                .await;
            let since = renewed.unwrap_or_else(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "answers cannot be resumed and limits are not counted: a stream is missing"
                );
                // Nobody knows what is lost.
                i64::MAX
            });
            frames_since.store(since, Ordering::Relaxed);
        }
        up.send_replace(now != Link::Down);
    }
}

/// When a starting process tries again.
fn startup() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(STARTUP_PATIENCE))
}

/// What a process reads before it serves: tried again for as long as a starting process waits for a server.
///
/// # Errors
/// The log could not be read for half a minute.
pub async fn at_start<T, F: Future<Output = Result<T, LogError>>>(read: impl FnMut() -> F) -> Result<T, LogError> {
    read.retry(startup())
        .notify(|error, _| tracing::warn!(error = error as &dyn std::error::Error, "the log cannot be read yet"))
        .await
}

async fn connect(config: &LogConfig) -> Result<(Client, watch::Receiver<Link>), async_nats::ConnectError> {
    let (said, link) = watch::channel(Link::Up);
    let said = Arc::new(said);
    let servers: Vec<&str> = config.nats_url.split(',').map(str::trim).collect();
    let client = with_credentials(&servers)
        .name(format!("diagent {}", config.role))
        .connection_timeout(Duration::from_secs(2))
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(|attempts| Duration::from_millis(50 * attempts.min(10) as u64))
        .event_callback(move |event| {
            let said = Arc::clone(&said);
            async move {
                match event {
                    Event::Connected => {
                        said.send_if_modified(|link| std::mem::replace(link, Link::Back) == Link::Down);
                        tracing::info!("connected to NATS");
                    }
                    Event::Disconnected => {
                        said.send_replace(Link::Down);
                        tracing::warn!("disconnected from NATS");
                    }
                    Event::Closed => tracing::debug!("the connection to NATS is closed"),
                    event => tracing::warn!(%event, "NATS connection"),
                }
            }
        })
        .connect(servers)
        .await?;
    Ok((client, link))
}

/// The client takes no credentials from the addresses, so they are taken out here: the first that has some counts.
fn with_credentials(servers: &[&str]) -> ConnectOptions {
    let credentials = servers
        .iter()
        .filter_map(|server| Url::parse(server).ok())
        .find_map(|url| {
            let password = url.password().map(decoded);
            (!url.username().is_empty()).then(|| (decoded(url.username()), password))
        });
    match credentials {
        Some((user, Some(password))) => ConnectOptions::with_user_and_password(user, password),
        Some((token, None)) => ConnectOptions::with_token(token),
        None => ConnectOptions::new(),
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

impl Log {
    /// Connects, creates what is missing and checks what stands. Waits up to half a minute for a server that is starting.
    ///
    /// # Errors
    /// NATS is away, or another log (or a log of another shape) stands there.
    pub async fn connect(config: &LogConfig, clock: Clock) -> Result<Self, ConnectError> {
        let connection = Connection::open(config).await?;
        let open = async || {
            let identity = streams::establish(&connection.jetstream, config).await?;
            Ok((identity, streams::frames_since(&connection.jetstream).await?))
        };
        let (identity, since) = (&open)
            .retry(startup())
            .when(|error| matches!(error, ConnectError::Stream { .. }))
            .notify(|error, _| tracing::warn!(error = error as &dyn std::error::Error, "the log cannot be opened yet"))
            .await?;
        // The keeper may know of a younger TOKENS already.
        connection.frames_since.fetch_max(since, Ordering::Relaxed);
        Ok(Self {
            shared: Arc::new_cyclic(|shared| Shared {
                group_commit: GroupCommit::start(shared, identity.partitions),
                connection,
                identity,
                replicas: config.replicas,
                clock,
                caches: Caches::default(),
            }),
        })
    }

    /// Whether the log answers; for readiness.
    ///
    /// # Errors
    /// It does not within a second.
    pub async fn ping(&self) -> Result<(), LogError> {
        match tokio::time::timeout(Duration::from_secs(1), self.jetstream().query_account()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(source)) => Err(LogError::Request {
                attempted: "ask for the account",
                source: source.into(),
            }),
            Err(_) => Err(LogError::Unreachable),
        }
    }

    pub(super) async fn up(&self) -> Result<(), LogError> {
        self.shared.connection.up().await
    }

    /// Whether frames of an answer to a message of `posted_at` may be lost, with the memory of the server.
    pub(super) fn may_have_lost_frames(&self, posted_at: Timestamp) -> bool {
        posted_at.unix_millis() <= self.shared.connection.frames_since.load(Ordering::Relaxed)
    }
}
