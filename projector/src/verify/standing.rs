//! Where a version is, and which events are in none of its rows: what one snapshot of the database says.

use std::collections::{BTreeMap, BTreeSet};

use events::{Partition, Position};
use sqlx::{PgConnection, Row as _};

use super::VerifyError;
use crate::Registered;

const DEFINITION: &str = "SELECT definition FROM diagent.versions WHERE projection = $1 AND version = $2";
const CHECKPOINTS: &str = "SELECT partition, sequence, log_id FROM diagent.checkpoints
    WHERE projection = $1 AND version = $2";
const LEFT_OUT: &str = "SELECT partition, sequence FROM diagent.dead_letters WHERE projection = $1 AND version = $2
    UNION SELECT partition, sequence FROM diagent.skipped_events WHERE projection = $1 AND version = $2";

/// A version at one moment.
#[derive(Debug)]
pub(super) struct Standing {
    /// By partition, the last sequence that its rows have seen.
    pub(super) checkpoints: BTreeMap<Partition, u64>,
    /// Dead letters, and what an operator left out.
    pub(super) left_out: BTreeSet<Position>,
}

impl Standing {
    pub(super) async fn read(
        connection: &mut PgConnection,
        projection: &Registered,
        version: i32,
        log_id: &str,
    ) -> Result<Self, VerifyError> {
        let definition: Option<i32> = sqlx::query_scalar(DEFINITION)
            .bind(projection.name)
            .bind(version)
            .fetch_optional(&mut *connection)
            .await?;
        match definition {
            None => {
                return Err(VerifyError::NoVersion {
                    projection: projection.name,
                    version,
                });
            }
            Some(found) if u32::try_from(found) != Ok(projection.definition) => {
                return Err(VerifyError::OtherDefinition {
                    projection: projection.name,
                    version,
                    found,
                    ours: projection.definition,
                });
            }
            Some(_) => {}
        }
        let mut checkpoints = BTreeMap::new();
        let rows = sqlx::query(CHECKPOINTS)
            .bind(projection.name)
            .bind(version)
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let of_log: Option<String> = row.try_get("log_id")?;
            if of_log.is_some_and(|id| id != log_id) {
                return Err(VerifyError::ForeignLog);
            }
            if let Some(Position { partition, sequence }) =
                position(row.try_get("partition")?, row.try_get("sequence")?)
            {
                checkpoints.insert(partition, sequence);
            }
        }
        let rows: Vec<(String, i64)> = sqlx::query_as(LEFT_OUT)
            .bind(projection.name)
            .bind(version)
            .fetch_all(connection)
            .await?;
        let left_out = rows
            .into_iter()
            .filter_map(|(partition, sequence)| position(partition, sequence))
            .collect();
        Ok(Self { checkpoints, left_out })
    }
}

fn position(partition: String, sequence: i64) -> Option<Position> {
    Some(Position {
        partition: partition.parse().ok()?,
        sequence: u64::try_from(sequence).ok()?,
    })
}
