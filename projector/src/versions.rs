//! Versions of a projection stand beside each other, each in a schema of its own; readers see one of them through the views
//! of the schema `read`.
//!
//! A version is a build: raising a projection's [`VERSION`](crate::Projection::VERSION) makes one of the new definition, a
//! rebuild makes another one of the same. A binary fills the versions whose definition it has.

use std::fmt;

use events::Partition;
use sqlx::{PgConnection, PgPool};

use crate::projection::Registered;

/// One build of one projection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName {
    pub projection: &'static str,
    pub version: i32,
}

impl fmt::Display for VersionName {
    /// The name of its schema.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_v{}", self.projection, self.version)
    }
}

impl VersionName {
    /// The durable consumer that follows `partition` for it.
    pub fn consumer(&self, partition: Partition) -> String {
        format!("{self}_{partition}")
    }
}

/// The partitions that `projection` reads, in a log of `partitions`.
pub fn partitions_of(projection: &Registered, partitions: u16) -> impl Iterator<Item = Partition> {
    use events::Category::{Agent, Document, Workspace};
    let is_control = |category: &events::Category| matches!(category, Workspace | Agent | Document);
    let control = projection.categories.iter().any(is_control);
    let visitors = projection.categories.iter().any(|category| !is_control(category));
    Partition::all(partitions).filter(move |partition| match partition {
        Partition::Control => control,
        Partition::Events(_) => visitors,
    })
}

/// The newest version that this binary can fill.
///
/// # Errors
/// The database is away.
pub async fn latest(connection: &mut PgConnection, projection: &Registered) -> sqlx::Result<Option<i32>> {
    const LATEST: &str = "SELECT max(version) FROM diagent.versions WHERE projection = $1 AND definition = $2";
    sqlx::query_scalar(LATEST)
        .bind(projection.name)
        .bind(definition(projection))
        .fetch_one(connection)
        .await
}

/// Makes the schema of the next version, notes it, and leaves `search_path` on it for the rest of the transaction.
pub(crate) async fn create(connection: &mut PgConnection, projection: &Registered) -> sqlx::Result<i32> {
    // Its number is the definition's, until rebuilds have taken that.
    const NOTE: &str = "INSERT INTO diagent.versions (projection, version, definition, exposes)
        SELECT $1, greatest($2, coalesce(max(version), 0) + 1), $2, $3 FROM diagent.versions WHERE projection = $1
        RETURNING version";
    const OPEN: &str = "SELECT diagent.create_schema_of($1, $2),
        set_config('search_path', quote_ident(diagent.schema_of($1, $2)) || ', public', true)";
    let version: i32 = sqlx::query_scalar(NOTE)
        .bind(projection.name)
        .bind(definition(projection))
        .bind(projection.exposes)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query(OPEN)
        .bind(projection.name)
        .bind(version)
        .execute(connection)
        .await?;
    Ok(version)
}

/// Shows `version` to readers from now on; the version before stays until it is dropped, so that going back is the same call.
///
/// # Errors
/// There is no such version, or the database is away.
pub async fn promote(connection: &mut PgConnection, projection: &str, version: i32) -> sqlx::Result<()> {
    sqlx::query("SELECT diagent.promote($1, $2)")
        .bind(projection)
        .bind(version)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The version that readers see.
///
/// # Errors
/// The database is away.
pub async fn live(pool: &PgPool, projection: &str) -> sqlx::Result<Option<i32>> {
    const LIVE: &str = "SELECT version FROM diagent.versions WHERE projection = $1 AND live";
    sqlx::query_scalar(LIVE).bind(projection).fetch_optional(pool).await
}

/// The version to go back to: the newest of those that readers saw before the live one's number.
///
/// # Errors
/// The database is away.
pub async fn before_live(pool: &PgPool, projection: &str) -> sqlx::Result<Option<i32>> {
    const BEFORE: &str = "SELECT max(v.version) FROM diagent.versions AS v
        JOIN diagent.versions AS l ON l.projection = v.projection AND l.live
        WHERE v.projection = $1 AND v.promoted_at IS NOT NULL AND v.version < l.version";
    sqlx::query_scalar(BEFORE).bind(projection).fetch_one(pool).await
}

/// A version of this definition that is newer than the live one and was never shown: a rebuild or a new definition under way.
///
/// # Errors
/// The database is away.
pub async fn unpromoted(pool: &PgPool, projection: &Registered) -> sqlx::Result<Option<i32>> {
    const UNPROMOTED: &str = "SELECT max(v.version) FROM diagent.versions AS v
        WHERE v.projection = $1 AND v.definition = $2 AND v.promoted_at IS NULL
        AND v.version > ALL (SELECT l.version FROM diagent.versions AS l WHERE l.projection = $1 AND l.live)";
    sqlx::query_scalar(UNPROMOTED)
        .bind(projection.name)
        .bind(definition(projection))
        .fetch_one(pool)
        .await
}

/// Every version of `projection`, oldest first.
///
/// # Errors
/// The database is away.
pub async fn all(pool: &PgPool, projection: &str) -> sqlx::Result<Vec<i32>> {
    const ALL: &str = "SELECT version FROM diagent.versions WHERE projection = $1 ORDER BY version";
    sqlx::query_scalar(ALL).bind(projection).fetch_all(pool).await
}

/// The names of all projections that have a version, also of those that this binary does not know.
///
/// # Errors
/// The database is away.
pub async fn projections(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    const NAMES: &str = "SELECT DISTINCT projection FROM diagent.versions ORDER BY projection";
    sqlx::query_scalar(NAMES).fetch_all(pool).await
}

/// Shows `version` when nothing is shown yet: before the first one there is nothing to be half of. Answers whether it did.
pub(crate) async fn promote_first(connection: &mut PgConnection, projection: &str, version: i32) -> sqlx::Result<bool> {
    const IS_FIRST: &str = "SELECT NOT EXISTS (SELECT FROM diagent.versions WHERE projection = $1 AND live)";
    let is_first: bool = sqlx::query_scalar(IS_FIRST)
        .bind(projection)
        .fetch_one(&mut *connection)
        .await?;
    if is_first {
        promote(connection, projection, version).await?;
    }
    Ok(is_first)
}

/// Notes the partitions that each of the versions has to read, so that they can be taken.
pub(crate) async fn open_partitions(
    connection: &mut PgConnection,
    projection: &Registered,
    partitions: u16,
) -> sqlx::Result<()> {
    const NOTE: &str = "INSERT INTO diagent.checkpoints (projection, version, partition)
        SELECT v.projection, v.version, p.partition
        FROM diagent.versions AS v CROSS JOIN unnest($3::text[]) AS p (partition)
        WHERE v.projection = $1 AND v.definition = $2
        ON CONFLICT DO NOTHING";
    let names: Vec<String> = partitions_of(projection, partitions)
        .map(|partition| partition.to_string())
        .collect();
    sqlx::query(NOTE)
        .bind(projection.name)
        .bind(definition(projection))
        .bind(names)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Notes for `version` the partitions that the versions before have.
pub(crate) async fn open_partitions_beside(
    connection: &mut PgConnection,
    projection: &str,
    version: i32,
) -> sqlx::Result<()> {
    const COPY: &str = "INSERT INTO diagent.checkpoints (projection, version, partition)
        SELECT DISTINCT projection, $2::integer, partition FROM diagent.checkpoints WHERE projection = $1
        ON CONFLICT DO NOTHING";
    sqlx::query(COPY)
        .bind(projection)
        .bind(version)
        .execute(connection)
        .await
        .map(|_| ())
}

fn definition(projection: &Registered) -> i32 {
    i32::try_from(projection.definition).unwrap_or(i32::MAX)
}
