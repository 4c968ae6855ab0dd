//! `GET /api/v1/projections`: where every read model stands.

use std::collections::BTreeMap;

use axum::extract::State;
use edge::Data;
use events::{Partition, Timestamp};
use serde::Serialize;
use sqlx::Row as _;

use super::time;
use crate::{access::Reader, app::App, error::ApiError};

const CHECKPOINTS: &str = "SELECT projection, version, partition, sequence, live, state, reason, dead_letters, updated_at \
    FROM read.checkpoints";

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
    /// Events that it has not seen, over all partitions.
    lag_events: u64,
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
        ends.insert(partition.to_string(), app.log.last_sequence(partition).await?);
    }
    let mut rows: BTreeMap<(String, i32), ProjectionRow> = BTreeMap::new();
    for row in sqlx::query(CHECKPOINTS).fetch_all(&app.pool).await? {
        let (projection, version): (String, i32) = (row.try_get("projection")?, row.try_get("version")?);
        let (partition, state): (String, String) = (row.try_get("partition")?, row.try_get("state")?);
        let sequence = u64::try_from(row.try_get::<i64, _>("sequence")?).unwrap_or_default();
        let live = row.try_get("live")?;
        let entry = rows
            .entry((projection.clone(), version))
            .or_insert_with(|| ProjectionRow {
                projection,
                version,
                live,
                state: "running".to_owned(),
                reason: None,
                lag_events: 0,
                dead_letters: 0,
                positions: BTreeMap::new(),
                updated_at: None,
            });
        entry.lag_events += ends.get(&partition).map_or(0, |end| end.saturating_sub(sequence));
        entry.dead_letters += row.try_get::<i64, _>("dead_letters")?;
        if state != "running" {
            entry.state = state;
            entry.reason = row.try_get("reason")?;
        }
        entry.updated_at = entry.updated_at.max(Some(time(&row, "updated_at")?));
        entry.positions.insert(partition, sequence);
    }
    Ok(Data {
        data: rows.into_values().collect(),
    })
}
