//! What operators do while projections run. Workers notice within a second.

use sqlx::PgPool;

/// Stops `projection`'s partitions where they are, of all its versions; answers how many.
///
/// # Errors
/// The database is away.
pub async fn pause(pool: &PgPool, projection: &str) -> sqlx::Result<u64> {
    const PAUSE: &str = "UPDATE diagent.checkpoints SET state = 'paused', updated_at = now()
        WHERE projection = $1 AND state = 'running'";
    let paused = sqlx::query(PAUSE).bind(projection).execute(pool).await?;
    Ok(paused.rows_affected())
}

/// Lets paused and halted partitions go on from where they stopped; answers how many. What halted one halts it again unless
/// it was mended.
///
/// # Errors
/// The database is away.
pub async fn resume(pool: &PgPool, projection: &str) -> sqlx::Result<u64> {
    const RESUME: &str = "UPDATE diagent.checkpoints SET state = 'running', reason = NULL, updated_at = now()
        WHERE projection = $1 AND state <> 'running'";
    let resumed = sqlx::query(RESUME).bind(projection).execute(pool).await?;
    Ok(resumed.rows_affected())
}

/// One event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter<'a> {
    pub projection: &'a str,
    pub version: i32,
    pub partition: &'a str,
    pub sequence: i64,
}

/// Asks for the event to be applied again, and then for what waits behind it; false when it does not stand first.
///
/// # Errors
/// The database is away.
pub async fn retry(pool: &PgPool, letter: Letter<'_>) -> sqlx::Result<bool> {
    decide(pool, letter, "retry").await
}

/// Asks for the event to be left out, and for what waits behind it to be applied; false when it does not stand first.
///
/// # Errors
/// The database is away.
pub async fn skip(pool: &PgPool, letter: Letter<'_>) -> sqlx::Result<bool> {
    decide(pool, letter, "skip").await
}

async fn decide(pool: &PgPool, letter: Letter<'_>, state: &str) -> sqlx::Result<bool> {
    const DECIDE: &str = "UPDATE diagent.dead_letters AS d SET state = $5, updated_at = now()
        WHERE d.projection = $1 AND d.version = $2 AND d.partition = $3 AND d.sequence = $4
        AND NOT EXISTS (
            SELECT FROM diagent.dead_letters AS e
            WHERE e.projection = d.projection AND e.version = d.version AND e.partition = d.partition
            AND e.subject = d.subject AND e.sequence < d.sequence
        )";
    let decided = sqlx::query(DECIDE)
        .bind(letter.projection)
        .bind(letter.version)
        .bind(letter.partition)
        .bind(letter.sequence)
        .bind(state)
        .execute(pool)
        .await?;
    Ok(decided.rows_affected() == 1)
}
