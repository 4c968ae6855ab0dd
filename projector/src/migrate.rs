//! The tables: files of `migrations/`, carried in the binary, applied once. The rule for changing them is in
//! `migrations/README.md`.
//!
//! Everything happens in one transaction under an advisory lock: processes that start at once do it once, and a failure
//! leaves nothing half made.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::{projection::Registered, registry, versions};

/// What the runner keeps, in order.
const SHARED: &[(&str, &str)] = &[
    (
        "shared/0001_runner.sql",
        include_str!("../../migrations/shared/0001_runner.sql"),
    ),
    (
        "shared/0002_embeddings.sql",
        include_str!("../../migrations/shared/0002_embeddings.sql"),
    ),
    (
        "shared/0004_losses.sql",
        include_str!("../../migrations/shared/0004_losses.sql"),
    ),
    (
        "shared/0005_operators.sql",
        include_str!("../../migrations/shared/0005_operators.sql"),
    ),
    (
        "shared/0006_unused_embeddings.sql",
        include_str!("../../migrations/shared/0006_unused_embeddings.sql"),
    ),
];

/// Applied as soon as the database has pgvector.
const VECTORS: (&str, &str) = (
    "shared/0003_vectors.sql",
    include_str!("../../migrations/shared/0003_vectors.sql"),
);

/// Any number that nobody else locks: the letters of "diagent".
const LOCK: i64 = 0x0064_6961_6765_6e74;

/// How long a starting process waits for a database that starts beside it.
const STARTUP_PATIENCE: Duration = Duration::from_secs(30);

/// Why the tables were not made.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("the migration {file} cannot be applied")]
    Apply {
        file: String,
        #[source]
        source: sqlx::Error,
    },
    /// The tables stand as the old text made them.
    #[error("{file} was changed after it was applied; put it back and raise the projection's version instead")]
    Altered { file: String },
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
}

/// Makes the tables of all projections, and shows first versions to readers. Waits up to half a minute for a database that is
/// starting.
///
/// # Errors
/// The database is away, refuses, or stands as an edited file does not say.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    migrate_projections(pool, &registry::all()).await
}

/// [`migrate`], for another list of projections.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_projections(pool: &PgPool, projections: &[Registered]) -> Result<(), MigrateError> {
    (|| migrate_once(pool, projections))
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(2))
                .with_max_times(usize::MAX)
                .with_total_delay(Some(STARTUP_PATIENCE)),
        )
        .when(MigrateError::passes)
        .notify(|error, _| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the database cannot be prepared yet"
            );
        })
        .await
}

impl MigrateError {
    /// Whether it is the database that is away, or in trouble that passes, and nothing that is wrong.
    fn passes(&self) -> bool {
        let (Self::Database(error) | Self::Apply { source: error, .. }) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
            }
            _ => false,
        }
    }
}

async fn migrate_once(pool: &PgPool, projections: &[Registered]) -> Result<(), MigrateError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(
        "CREATE SCHEMA IF NOT EXISTS diagent;
         CREATE TABLE IF NOT EXISTS diagent.migrations (
             file text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
         )",
    )
    .execute(&mut *transaction)
    .await?;
    for (file, sql) in SHARED {
        if is_new(&mut transaction, file, sql).await? {
            apply(&mut transaction, file, sql).await?;
        }
    }
    add_vectors(&mut transaction).await?;
    for projection in projections {
        let file = file_of(projection);
        is_new(&mut transaction, &file, projection.schema).await?;
        if versions::latest(&mut transaction, projection).await?.is_none() {
            make(&mut transaction, projection, &file).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Makes room for vectors, if the database can keep them. One that cannot is no failure: answers stand on words alone.
async fn add_vectors(connection: &mut PgConnection) -> Result<(), MigrateError> {
    const OFFERED: &str = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')";
    const APPLIED: &str = "SELECT EXISTS (SELECT FROM diagent.migrations WHERE file = $1)";
    let (file, sql) = VECTORS;
    let applied: bool = sqlx::query_scalar(APPLIED)
        .bind(file)
        .fetch_one(&mut *connection)
        .await?;
    if applied {
        return is_new(connection, file, sql).await.map(drop);
    }
    let offered: bool = sqlx::query_scalar(OFFERED).fetch_one(&mut *connection).await?;
    if !offered {
        tracing::warn!("this PostgreSQL has no pgvector: passages are found by their words alone");
        return Ok(());
    }
    let mut attempt = connection.begin().await?;
    is_new(&mut attempt, file, sql).await?;
    match apply(&mut attempt, file, sql).await {
        Ok(()) => attempt.commit().await?,
        Err(error) => {
            attempt.rollback().await?;
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                error,
                "pgvector 0.7 cannot be used (may this user CREATE EXTENSION vector?): passages are found by their words alone"
            );
        }
    }
    Ok(())
}

/// Builds one more version of `projection`; the first of all is shown to readers at once.
async fn make(connection: &mut PgConnection, projection: &Registered, file: &str) -> Result<i32, MigrateError> {
    let version = versions::create(connection, projection).await?;
    apply(connection, file, projection.schema).await?;
    sqlx::query("SELECT set_config('search_path', '\"$user\", public', true)")
        .execute(&mut *connection)
        .await?;
    let shown = versions::promote_first(connection, projection.name, version).await?;
    tracing::info!(projection = projection.name, version, shown, "projection version made");
    Ok(version)
}

/// Builds another version of `projection` beside those that stand, by the same definition: a rebuild. Running workers take
/// it up within a second; readers see it when it is promoted. Answers its number.
///
/// # Errors
/// The database is away or refuses.
pub async fn rebuild(pool: &PgPool, projection: &Registered) -> Result<i32, MigrateError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    let version = make(&mut transaction, projection, &file_of(projection)).await?;
    versions::open_partitions_beside(&mut transaction, projection.name, version).await?;
    transaction.commit().await?;
    Ok(version)
}

fn file_of(projection: &Registered) -> String {
    format!("{}/v{}.sql", projection.name, projection.definition)
}

/// Whether `file` was never applied; notes it.
async fn is_new(connection: &mut PgConnection, file: &str, sql: &str) -> Result<bool, MigrateError> {
    const NOTE: &str = "INSERT INTO diagent.migrations (file, checksum)
        VALUES ($1, encode(sha256(convert_to($2, 'UTF8')), 'hex')) ON CONFLICT (file) DO NOTHING";
    const COMPARE: &str = "SELECT checksum = encode(sha256(convert_to($2, 'UTF8')), 'hex')
        FROM diagent.migrations WHERE file = $1";
    let noted = sqlx::query(NOTE).bind(file).bind(sql).execute(&mut *connection).await?;
    if noted.rows_affected() == 1 {
        return Ok(true);
    }
    let is_same: bool = sqlx::query_scalar(COMPARE)
        .bind(file)
        .bind(sql)
        .fetch_one(&mut *connection)
        .await?;
    if is_same {
        Ok(false)
    } else {
        Err(MigrateError::Altered { file: file.to_owned() })
    }
}

async fn apply(connection: &mut PgConnection, file: &str, sql: &'static str) -> Result<(), MigrateError> {
    sqlx::raw_sql(sql)
        .execute(&mut *connection)
        .await
        .map(|_| ())
        .map_err(|source| MigrateError::Apply {
            file: file.to_owned(),
            source,
        })
}
