//! Who lives, and who has which partition. A worker's row in `diagent.workers` is its lease on all that it owns: one
//! statement a second renews it, and waits for no batch, since it touches no checkpoint.
//!
//! A lease decides who works; it protects nothing. What protects the rows is the epoch, which rises when a partition changes
//! hands (`checkpoint`).

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor, Row as _, postgres::PgRow, postgres::types::PgInterval};

use super::Slot;

/// How long a worker counts as alive after its last sign: with a look a second, what a dead one had moves within five.
pub(super) const LEASE: Duration = Duration::from_secs(3);

const RENEW: &str = include_str!("renew.sql");
const STANDING: &str = include_str!("standing.sql");
const ACQUIRE: &str = include_str!("acquire.sql");
const WORKERS: &str = "SELECT worker_id, projections FROM diagent.workers WHERE expires_at > now() ORDER BY worker_id";
const RELEASE: &str = "UPDATE diagent.checkpoints SET owner = NULL
    WHERE projection = $1 AND version = $2 AND partition = $3 AND epoch = $4 AND owner = $5";
const LEAVE: &str = "DELETE FROM diagent.workers WHERE worker_id = $1";

/// A live worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) worker_id: String,
    /// What it runs, as [`running`] writes it.
    pub(super) projections: Vec<String>,
}

/// How a partition stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) projection: String,
    pub(super) version: i32,
    pub(super) partition: String,
    /// Also one that is dead.
    pub(super) owner: Option<String>,
    pub(super) epoch: i64,
    pub(super) sequence: i64,
    pub(super) is_running: bool,
    pub(super) is_halted: bool,
    pub(super) dead_letters: i64,
    /// An operator wants dead letters retried or skipped.
    pub(super) has_requests: bool,
}

/// How a worker's row names a projection that it runs: another definition of it is other work.
pub(super) fn running(projection: &str, definition: i64) -> String {
    format!("{projection}:{definition}")
}

/// Whether [`running`] made `name` for a definition of `projection`.
pub(super) fn is_of(name: &str, projection: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(name, _)| name == projection)
}

/// A sign of life; forgets workers that are long dead.
pub(super) async fn renew(connection: &mut PgConnection, worker_id: &str, projections: &[String]) -> sqlx::Result<()> {
    let lease = PgInterval {
        microseconds: i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX),
        ..PgInterval::default()
    };
    sqlx::query(RENEW)
        .bind(worker_id)
        .bind(projections)
        .bind(lease)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Every live worker, the oldest first.
pub(super) async fn workers(connection: &mut PgConnection) -> sqlx::Result<Vec<Worker>> {
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(WORKERS).fetch_all(connection).await?;
    Ok(rows
        .into_iter()
        .map(|(worker_id, projections)| Worker { worker_id, projections })
        .collect())
}

/// How the partitions of `projections` (as [`running`] writes them) stand.
pub(super) async fn standing(connection: &mut PgConnection, projections: &[String]) -> sqlx::Result<Vec<Standing>> {
    let rows = sqlx::query(STANDING).bind(projections).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> sqlx::Result<Standing> {
    let state: String = row.try_get("state")?;
    Ok(Standing {
        projection: row.try_get("projection")?,
        version: row.try_get("version")?,
        partition: row.try_get("partition")?,
        owner: row.try_get("owner")?,
        epoch: row.try_get("epoch")?,
        sequence: row.try_get("sequence")?,
        is_running: state == "running",
        is_halted: state == "halted",
        dead_letters: row.try_get("dead_letters")?,
        has_requests: row.try_get("has_requests")?,
    })
}

/// Takes up to `most` free partitions of a version; answers them with their new epochs. Two workers that ask at once get
/// different ones.
pub(super) async fn acquire(
    connection: &mut PgConnection,
    worker_id: &str,
    projection: &str,
    version: i32,
    most: usize,
) -> sqlx::Result<Vec<(String, i64)>> {
    sqlx::query_as(ACQUIRE)
        .bind(worker_id)
        .bind(projection)
        .bind(version)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
}

/// Lets a partition go, if it is still held under `epoch`.
pub(super) async fn release(
    database: impl PgExecutor<'_>,
    worker_id: &str,
    slot: &Slot,
    epoch: i64,
) -> sqlx::Result<()> {
    sqlx::query(RELEASE)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(epoch)
        .bind(worker_id)
        .execute(database)
        .await
        .map(|_| ())
}

/// Says goodbye: others need not wait for the lease to end.
pub(super) async fn leave(database: impl PgExecutor<'_>, worker_id: &str) -> sqlx::Result<()> {
    sqlx::query(LEAVE).bind(worker_id).execute(database).await.map(|_| ())
}
