//! `GET /api/v1/projections`: where every read model stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::extract::State;
use edge::Data;
use events::{Log, Partition, Timestamp, log::LogError};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use sqlx::Row as _;

use super::time;
use crate::{access::Reader, app::App, error::ApiError};

const CHECKPOINTS: &str = "SELECT projection, version, partition, sequence, live, state, reason, owner, dead_letters, updated_at \
    FROM read.checkpoints";

/// Partitions whose oldest waiting event is looked up at the same time.
const LOOKUPS: usize = 16;

/// One version of one read model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProjectionRow {
    projection: String,
    version: i32,
    /// Whether readers see this version.
    live: bool,
    /// `running`, or `paused` or `halted` when any of its partitions is.
    state: String,
    /// What halted it.
    reason: Option<String>,
    /// Processes that have a partition of it.
    workers: usize,
    /// Events that it has seen, over all partitions.
    position: u64,
    /// Events that it has not seen, over all partitions.
    lag_events: u64,
    /// Since when the oldest of them is in the log; 0 when there is none.
    lag_seconds: f64,
    /// Events that it could not apply, and those that wait behind them.
    dead_letters: i64,
    /// By partition, the last sequence that it has seen.
    #[schema(value_type = Object)]
    positions: BTreeMap<String, u64>,
    updated_at: Option<Timestamp>,
}

/// Lists the projections with their positions and lag.
///
/// # Errors
/// `unauthorized`, `forbidden`, `database_unavailable`, `log_unavailable`.
#[utoipa::path(
    get, path = "/projections", tag = "operations", responses((status = 200, body = Data<Vec<ProjectionRow>>)),
    security(("operator" = []))
)]
#[tracing::instrument(name = "read.projections", skip_all)]
pub async fn list_projections(State(app): State<App>, _reader: Reader) -> Result<Data<Vec<ProjectionRow>>, ApiError> {
    let mut ends = BTreeMap::new();
    for partition in Partition::all(app.log.partitions()) {
        ends.insert(
            partition.to_string(),
            (partition, app.log.last_sequence(partition).await?),
        );
    }
    let mut rows: BTreeMap<(String, i32), ProjectionRow> = BTreeMap::new();
    let mut owners: BTreeSet<(String, i32, String)> = BTreeSet::new();
    let mut waiting = Vec::new();
    for row in sqlx::query(CHECKPOINTS).fetch_all(&app.pool).await? {
        let (projection, version): (String, i32) = (row.try_get("projection")?, row.try_get("version")?);
        let (partition, state): (String, String) = (row.try_get("partition")?, row.try_get("state")?);
        let sequence = u64::try_from(row.try_get::<i64, _>("sequence")?).unwrap_or_default();
        let live = row.try_get("live")?;
        let key = (projection.clone(), version);
        let entry = rows
            .entry(key.clone())
            .or_insert_with(|| ProjectionRow::new(projection, version, live));
        if let Some((partition, end)) = ends.get(&partition).filter(|(_, end)| *end > sequence) {
            entry.lag_events += end - sequence;
            waiting.push((key.clone(), *partition, sequence + 1));
        }
        entry.position += sequence;
        entry.dead_letters += row.try_get::<i64, _>("dead_letters")?;
        if state != "running" {
            entry.state = state;
            entry.reason = row.try_get("reason")?;
        }
        let owner: Option<String> = row.try_get("owner")?;
        if let Some(owner) = owner
            && owners.insert((key.0, key.1, owner))
        {
            entry.workers += 1;
        }
        entry.updated_at = entry.updated_at.max(Some(time(&row, "updated_at")?));
        entry.positions.insert(partition, sequence);
    }
    let log = &app.log;
    let mut ages = stream::iter(waiting)
        .map(|(key, partition, next)| async move { Ok::<_, LogError>((key, age(log, partition, next).await?)) })
        .buffer_unordered(LOOKUPS);
    while let Some(found) = ages.next().await {
        let (key, age) = found?;
        if let Some(row) = rows.get_mut(&key) {
            row.lag_seconds = row.lag_seconds.max(age.as_secs_f64());
        }
    }
    Ok(Data {
        data: rows.into_values().collect(),
    })
}

/// How long the first event of `partition` from `sequence` on has been in the log; nothing when it was erased meanwhile.
async fn age(log: &Log, partition: Partition, sequence: u64) -> Result<Duration, LogError> {
    let stored_at = log.next_stored_at(partition, sequence).await?;
    Ok(stored_at.map_or(Duration::ZERO, |stored_at| log.clock().now().since(stored_at)))
}

impl ProjectionRow {
    fn new(projection: String, version: i32, live: bool) -> Self {
        Self {
            projection,
            version,
            live,
            state: "running".to_owned(),
            reason: None,
            workers: 0,
            position: 0,
            lag_events: 0,
            lag_seconds: 0.0,
            dead_letters: 0,
            positions: BTreeMap::new(),
            updated_at: None,
        }
    }
}
