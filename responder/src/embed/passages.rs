//! Keeps the vectors of the passages: whenever pages have changed, one of the instances embeds what is new.

use std::{io, sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use edge::Tasks;
use sqlx::{PgPool, Row as _};
use tokio::{sync::watch, time::Instant};

use super::{Client, EmbedError, pass, sweep};

const STANDING: &str = include_str!("standing.sql");

/// How often it is looked whether pages have changed.
const POLL: Duration = Duration::from_secs(1);

/// Without any sign of a change it is looked all the same: a projection may have been promoted.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

const SWEEP_EVERY: Duration = Duration::from_hours(1);

const FAILURES_WARNED_OF: u32 = 5;

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_mins(1);

/// An endpoint may ask for more patience than ours, but not for more than this.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// Why passages were not embedded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("the database does not keep the vectors")]
    Database(#[from] sqlx::Error),
}

/// What is known without looking at any passage.
struct Standing {
    /// The model that questions are embedded with.
    active: Option<Arc<str>>,
    /// How far the index has read the log.
    position: Option<i64>,
    /// Whether the database can keep vectors.
    is_able: bool,
}

/// Follows the index until the drain. Answers at once with the model that the passages were embedded with, kept up to date.
pub(crate) fn keep_embedded(pool: PgPool, client: Option<Client>, tasks: &Tasks) -> watch::Receiver<Option<Arc<str>>> {
    let (active, follow) = watch::channel(None);
    let Some(client) = client else {
        return follow;
    };
    let drain = tasks.drain_token();
    tasks.spawn(async move {
        tokio::select! {
            () = drain.cancelled() => {}
            () = run(&pool, &client, &active) => {}
        }
    });
    follow
}

async fn run(pool: &PgPool, client: &Client, active: &watch::Sender<Option<Arc<str>>>) {
    let mut done: Option<(Option<i64>, Instant)> = None;
    let mut swept = Instant::now();
    let (mut back_off, mut failures) = (delays(), 0_u32);
    loop {
        let tried = turn(pool, client, active, &mut done).await;
        let pause = match tried {
            Ok(()) => {
                (back_off, failures) = (delays(), 0);
                POLL
            }
            Err(error) => {
                let own = back_off.next().unwrap_or(BACK_OFF_MAX);
                let asked = match &error {
                    PassError::Embed(error) => error.retry_after().map(|wait| wait.min(RETRY_AFTER_MAX)),
                    PassError::Database(_) => None,
                };
                let pause = asked.map_or(own, |asked| asked.max(own));
                failures += 1;
                tell(&error, pause, failures);
                pause
            }
        };
        if swept.elapsed() > SWEEP_EVERY {
            swept = Instant::now();
            if let Err(error) = sweep::sweep(pool, client.model()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "old vectors are kept for now");
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// A model that starts beside us is not worth a warning.
fn tell(error: &PassError, pause: Duration, failures: u32) {
    let (error, pause_ms): (&dyn std::error::Error, _) = (error, pause.as_millis());
    if failures < FAILURES_WARNED_OF {
        tracing::info!(error, pause_ms, "passages are not embedded for a moment");
    } else {
        tracing::warn!(
            error,
            pause_ms,
            failures,
            "passages are not embedded: the newest are found by their words alone"
        );
    }
}

/// Embeds what is new, if anything may be. Another instance that does so already is left to it.
async fn turn(
    pool: &PgPool,
    client: &Client,
    active: &watch::Sender<Option<Arc<str>>>,
    done: &mut Option<(Option<i64>, Instant)>,
) -> Result<(), PassError> {
    let standing = in_time(standing(pool)).await?;
    let publish = |model: Option<Arc<str>>| {
        active.send_if_modified(|known| {
            let is_new = *known != model;
            *known = model;
            is_new
        })
    };
    publish(standing.active.clone());
    let is_current = done.is_some_and(|(position, at)| position == standing.position && at.elapsed() < LOOK_AGAIN);
    if !standing.is_able || is_current {
        return Ok(());
    }
    if pass::pass(pool, client).await? {
        *done = Some((standing.position, Instant::now()));
        publish(Some(client.model().into()));
    }
    Ok(())
}

/// A statement takes less: after a minute the server ends it, if there still is one at the other end.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(70);

/// What a statement answers, if it does.
pub(super) async fn in_time<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(STATEMENT_TIMEOUT, asked)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

async fn standing(pool: &PgPool) -> sqlx::Result<Standing> {
    let row = sqlx::query(STANDING).fetch_one(pool).await?;
    Ok(Standing {
        active: row.try_get::<Option<&str>, _>("model")?.map(Into::into),
        position: row.try_get("position")?,
        is_able: row.try_get("is_able")?,
    })
}

fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(BACK_OFF_MIN)
        .with_max_delay(BACK_OFF_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}
