//! The place of a partition in the log, and the fence: a batch is committed only by whoever holds the partition's epoch, and
//! only from the place that it was read from.

use events::{Timestamp, log::Identity};
use sqlx::{PgExecutor, PgPool, Row as _};
use time::OffsetDateTime;

use super::{Slot, trouble::Trouble};
use crate::projections::stored;

const READ: &str = "SELECT sequence, log_id, event_at FROM diagent.checkpoints
    WHERE projection = $1 AND version = $2 AND partition = $3 AND epoch = $4";
const ADVANCE: &str = include_str!("advance.sql");
const HALT: &str = "UPDATE diagent.checkpoints
    SET state = 'halted', reason = $5, log_id = coalesce(log_id, $6), owner = NULL, updated_at = now()
    WHERE projection = $1 AND version = $2 AND partition = $3 AND epoch = $4";

/// Where a partition was left.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) sequence: u64,
    /// The log that this is a place in.
    pub(super) log_id: Option<String>,
    /// When the log stored the event at `sequence`.
    pub(super) event_at: Option<Timestamp>,
}

/// A step from one place to a later one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Events that the log holds after `to`.
    pub(super) pending: u64,
    /// When the last of the step's events was stored.
    pub(super) event_at: Option<Timestamp>,
}

impl Step {
    /// No step: the fence alone.
    pub(super) const fn none(at: u64) -> Self {
        Self {
            from: at,
            to: at,
            pending: 0,
            event_at: None,
        }
    }
}

/// Reads it, if the partition is still held under `epoch`.
pub(super) async fn read(pool: &PgPool, slot: &Slot, epoch: i64) -> Result<Checkpoint, Trouble> {
    let row = sqlx::query(READ)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(epoch)
        .fetch_optional(pool)
        .await?
        .ok_or(Trouble::Fenced)?;
    Ok(Checkpoint {
        sequence: u64::try_from(row.try_get::<i64, _>("sequence")?).unwrap_or_default(),
        log_id: row.try_get("log_id")?,
        event_at: row
            .try_get::<Option<OffsetDateTime>, _>("event_at")?
            .map(Timestamp::from),
    })
}

/// Moves it: the first statement of a batch's transaction. Sets the rest of the transaction up as well: tables are those of
/// the version; the commit does not wait for the disk (the checkpoint goes with the rows, so what a crash takes is done
/// again); a process that stops in the middle does not hold the partition for long.
pub(super) async fn advance(
    database: impl PgExecutor<'_>,
    slot: &Slot,
    epoch: i64,
    log: &Identity,
    step: Step,
) -> Result<(), Trouble> {
    let moved = sqlx::query(ADVANCE)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(epoch)
        .bind(stored::sequence(step.from))
        .bind(stored::sequence(step.to))
        .bind(stored::number(step.pending))
        .bind(step.event_at.map(Timestamp::to_offset_date_time))
        .bind(log.log_id.to_string())
        .fetch_optional(database)
        .await?;
    moved.map(|_| ()).ok_or(Trouble::Fenced)
}

/// Stops the partition until an operator resumes it.
pub(super) async fn halt(pool: &PgPool, (slot, epoch): (&Slot, i64), log: &Identity, reason: &str) -> sqlx::Result<()> {
    sqlx::query(HALT)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(epoch)
        .bind(reason)
        .bind(log.log_id.to_string())
        .execute(pool)
        .await
        .map(|_| ())
}
