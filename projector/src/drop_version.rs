//! Taking a version away: its tables, its checkpoints and letters, and its consumers in the log.

use std::time::Duration;

use async_nats::jetstream::{ErrorCode, stream::ConsumerErrorKind};
use events::{Partition, log::LogError};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::{Stores, operate};

/// A live worker lets go of a paused partition within a second, and of one that it is writing after the batch; a dead one's
/// lease ends after three.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

/// Why a version was not dropped.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    #[error("there is no version {version} of {projection}")]
    NoVersion { projection: String, version: i32 },
    /// Readers see it.
    #[error("version {version} of {projection} is live; promote another one first")]
    Live { projection: String, version: i32 },
    #[error("workers still write to the version; it is paused now, so try again")]
    Held,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("the log failed")]
    Log(#[from] LogError),
    #[error("a consumer of the version cannot be deleted")]
    Consumer(#[source] async_nats::Error),
}

/// Drops `version` of `projection`. Its workers are stopped first, so that none makes a consumer anew; what fails in the middle
/// is done by doing it again.
///
/// # Errors
/// It is live, or does not exist; the log or the database is away.
pub async fn drop_version(stores: &Stores, projection: &str, version: i32) -> Result<(), DropError> {
    const LIVE: &str = "SELECT live FROM diagent.versions WHERE projection = $1 AND version = $2";
    const DROP: &str = "SELECT diagent.drop_version($1, $2)";
    let Stores { log, pool } = stores;
    let live: Option<bool> = sqlx::query_scalar(LIVE)
        .bind(projection)
        .bind(version)
        .fetch_optional(pool)
        .await?;
    let projection_name = || projection.to_owned();
    match live {
        None => {
            return Err(DropError::NoVersion {
                projection: projection_name(),
                version,
            });
        }
        Some(true) => {
            return Err(DropError::Live {
                projection: projection_name(),
                version,
            });
        }
        Some(false) => {}
    }
    operate::pause(pool, projection, Some(version)).await?;
    until_free(pool, projection, version).await?;
    for partition in Partition::all(log.partitions()) {
        delete_consumer(stores, partition, &format!("{projection}_v{version}_{partition}")).await?;
    }
    sqlx::query(DROP).bind(projection).bind(version).execute(pool).await?;
    Ok(())
}

async fn until_free(pool: &PgPool, projection: &str, version: i32) -> Result<(), DropError> {
    const IS_HELD: &str = "SELECT EXISTS (SELECT FROM read.checkpoints
        WHERE projection = $1 AND version = $2 AND owner IS NOT NULL)";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_held: bool = sqlx::query_scalar(IS_HELD)
            .bind(projection)
            .bind(version)
            .fetch_one(pool)
            .await?;
        if !is_held {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(DropError::Held);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn delete_consumer(stores: &Stores, partition: Partition, name: &str) -> Result<(), DropError> {
    let stream = stores.log.stream(partition).await?;
    match stream.delete_consumer(name).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ConsumerErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::CONSUMER_NOT_FOUND) => {
            Ok(())
        }
        Err(error) => Err(DropError::Consumer(error.into())),
    }
}
