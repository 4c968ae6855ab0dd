//! Receipts of erasures: one row per receipt, which names the last tombstone. A second tombstone of the same receipt is for
//! what was written while the first one was.

use std::collections::BTreeMap;

use events::{Category, LogEvent, Recorded, visitor::VisitorEvent};
use sqlx::PgConnection;

use super::stored;
use crate::Projection;

/// The projection `erasures`.
#[derive(Debug)]
pub struct Erasures;

const UPSERT: &str = "INSERT INTO erasures
        (receipt_id, visitor_id, agent_id, workspace_id, partition, sequence, erased_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::timestamptz[])
    ON CONFLICT (receipt_id) DO UPDATE SET sequence = excluded.sequence, erased_at = excluded.erased_at";

impl Projection for Erasures {
    const NAME: &'static str = "erasures";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Visitor];
    const EXPOSES: &'static [&'static str] = &["erasures"];
    const SCHEMA: &'static str = include_str!("../../../migrations/erasures/v1.sql");
    const OUTLIVES_ERASURE: bool = true;

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        // One upsert may not touch a row twice: of a receipt's tombstones the last one is kept.
        let mut last = BTreeMap::new();
        for recorded in batch {
            if let LogEvent::Visitor(VisitorEvent::Erased { receipt_id, at, .. }) = &recorded.event {
                last.insert(receipt_id.to_string(), (recorded, at.to_offset_date_time()));
            }
        }
        if last.is_empty() {
            return Ok(());
        }
        let of = |id: fn(&Recorded) -> String| last.values().map(|(recorded, _)| id(recorded)).collect::<Vec<_>>();
        let (partitions, sequences): (Vec<_>, Vec<_>) = last
            .values()
            .map(|(recorded, _)| stored::position(recorded.position))
            .unzip();
        sqlx::query(UPSERT)
            .bind(last.keys().cloned().collect::<Vec<_>>())
            .bind(of(|recorded| {
                recorded
                    .subject
                    .visitor_id()
                    .map(|id| id.to_string())
                    .unwrap_or_default()
            }))
            .bind(of(|recorded| {
                recorded.subject.agent_id().map(|id| id.to_string()).unwrap_or_default()
            }))
            .bind(of(stored::workspace_id))
            .bind(partitions)
            .bind(sequences)
            .bind(last.values().map(|(_, at)| *at).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }
}
