//! Events that are lost for good. Every projection stops at a gap that no erasure explains; when the events are in no
//! replica and in no backup either, an operator accepts the loss, once for all projections and all later rebuilds.

use events::{Partition, log::Identity, visitor::SequenceRange};
use sqlx::PgPool;

use crate::projections::stored;

/// Why a loss is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// Losses are accepted one by one, after they were found.
    #[error("no projection is halted at partition {0}")]
    NotHalted(Partition),
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
}

/// Accepts that `range` of `partition` is lost, and lets the partitions that are halted there go on; answers how many. What
/// stands in the log is applied all the same.
///
/// # Errors
/// No projection is halted there, or the database is away.
pub async fn accept(pool: &PgPool, partition: Partition, range: SequenceRange) -> Result<u64, LossError> {
    const NOTE: &str = "INSERT INTO diagent.losses (log_id, partition, first, last)
        SELECT DISTINCT log_id, partition, $2::bigint, $3::bigint FROM diagent.checkpoints
        WHERE partition = $1 AND state = 'halted' AND log_id IS NOT NULL
        ON CONFLICT DO NOTHING";
    const RESUME: &str = "UPDATE diagent.checkpoints SET state = 'running', reason = NULL, updated_at = now()
        WHERE partition = $1 AND state = 'halted'";
    let mut transaction = pool.begin().await?;
    sqlx::query(NOTE)
        .bind(partition.to_string())
        .bind(stored::sequence(range.first))
        .bind(stored::sequence(range.last))
        .execute(&mut *transaction)
        .await?;
    let resumed = sqlx::query(RESUME)
        .bind(partition.to_string())
        .execute(&mut *transaction)
        .await?;
    if resumed.rows_affected() == 0 {
        return Err(LossError::NotHalted(partition));
    }
    transaction.commit().await?;
    Ok(resumed.rows_affected())
}

/// What was accepted of `partition` of `log`.
pub(crate) async fn accepted(pool: &PgPool, log: &Identity, partition: Partition) -> sqlx::Result<Vec<SequenceRange>> {
    const ACCEPTED: &str = "SELECT first, last FROM diagent.losses WHERE log_id = $1 AND partition = $2";
    let ranges: Vec<(i64, i64)> = sqlx::query_as(ACCEPTED)
        .bind(log.log_id.to_string())
        .bind(partition.to_string())
        .fetch_all(pool)
        .await?;
    let number = |number| u64::try_from(number).unwrap_or_default();
    Ok(ranges
        .into_iter()
        .map(|(first, last)| SequenceRange {
            first: number(first),
            last: number(last),
        })
        .collect())
}
