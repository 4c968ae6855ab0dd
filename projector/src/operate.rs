//! What operators do while projections run. Workers notice within a second.

use sqlx::PgPool;

/// Stops `projection`'s partitions where they are, of `version` or of all; answers how many.
///
/// # Errors
/// The database is away.
pub async fn pause(pool: &PgPool, projection: &str, version: Option<i32>) -> sqlx::Result<u64> {
    const PAUSE: &str = "UPDATE diagent.checkpoints SET state = 'paused', updated_at = now()
        WHERE projection = $1 AND state = 'running' AND ($2::integer IS NULL OR version = $2)";
    let paused = sqlx::query(PAUSE).bind(projection).bind(version).execute(pool).await?;
    Ok(paused.rows_affected())
}

/// Lets paused and halted partitions go on from where they stopped, of `version` or of all; answers how many. What halted one
/// halts it again unless it was mended.
///
/// # Errors
/// The database is away.
pub async fn resume(pool: &PgPool, projection: &str, version: Option<i32>) -> sqlx::Result<u64> {
    const RESUME: &str = "UPDATE diagent.checkpoints SET state = 'running', reason = NULL, updated_at = now()
        WHERE projection = $1 AND state <> 'running' AND ($2::integer IS NULL OR version = $2)";
    let resumed = sqlx::query(RESUME).bind(projection).bind(version).execute(pool).await?;
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
    const RETRY: &str = include_str!("operate/retry.sql");
    decide(pool, letter, RETRY).await
}

/// Asks for the event to be left out for good, and for what waits behind it to be applied; false when it does not stand first.
///
/// # Errors
/// The database is away.
pub async fn skip(pool: &PgPool, letter: Letter<'_>) -> sqlx::Result<bool> {
    const SKIP: &str = include_str!("operate/skip.sql");
    decide(pool, letter, SKIP).await
}

async fn decide(pool: &PgPool, letter: Letter<'_>, sql: &'static str) -> sqlx::Result<bool> {
    let decided = sqlx::query(sql)
        .bind(letter.projection)
        .bind(letter.version)
        .bind(letter.partition)
        .bind(letter.sequence)
        .fetch_optional(pool)
        .await?;
    Ok(decided.is_some())
}

/// Asks for every event that failed to be applied again, with what waits behind each; answers how many.
///
/// # Errors
/// The database is away.
pub async fn retry_all(pool: &PgPool, projection: &str, version: i32) -> sqlx::Result<u64> {
    const RETRY_ALL: &str = "UPDATE diagent.dead_letters SET state = 'retry', updated_at = now()
        WHERE projection = $1 AND version = $2 AND state = 'dead'";
    let retried = sqlx::query(RETRY_ALL)
        .bind(projection)
        .bind(version)
        .execute(pool)
        .await?;
    Ok(retried.rows_affected())
}
