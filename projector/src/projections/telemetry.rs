//! What the widgets report, counted by agent, day (UTC), event, rule and page. Counts hold no visitor and outlive erasures.

use std::collections::BTreeMap;

use events::{Category, LogEvent, Recorded, telemetry::TelemetryEvent};
use sqlx::PgConnection;
use time::Date;

use super::stored;
use crate::Projection;

/// The projection `telemetry`.
#[derive(Debug)]
pub struct Telemetry;

/// Bytes of a text that is part of the key: an index entry holds 2,700.
const NAME_BYTES_MAX: usize = 128;
const PAGE_BYTES_MAX: usize = 512;

const ADD: &str = "INSERT INTO telemetry_counts_by_partition AS t
        (agent_id, day, event, rule_id, page, workspace_id, partition, count)
    SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bigint[])
    ON CONFLICT (agent_id, day, event, rule_id, page, workspace_id, partition) DO UPDATE SET count = t.count + excluded.count";

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    agent_id: String,
    day: Date,
    event: String,
    rule_id: String,
    page: String,
    workspace_id: String,
    partition: i32,
}

impl Projection for Telemetry {
    const NAME: &'static str = "telemetry";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Telemetry];
    const EXPOSES: &'static [&'static str] = &["telemetry_counts"];
    const SCHEMA: &'static str = include_str!("../../../migrations/telemetry/v1.sql");

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let mut counts: BTreeMap<Key, i64> = BTreeMap::new();
        for recorded in batch {
            if let Some(key) = key(recorded) {
                *counts.entry(key).or_default() += 1;
            }
        }
        if counts.is_empty() {
            return Ok(());
        }
        let texts = |text: fn(&Key) -> &String| counts.keys().map(text).cloned().collect::<Vec<_>>();
        sqlx::query(ADD)
            .bind(texts(|key| &key.agent_id))
            .bind(counts.keys().map(|key| key.day).collect::<Vec<_>>())
            .bind(texts(|key| &key.event))
            .bind(texts(|key| &key.rule_id))
            .bind(texts(|key| &key.page))
            .bind(texts(|key| &key.workspace_id))
            .bind(counts.keys().map(|key| key.partition).collect::<Vec<_>>())
            .bind(counts.values().copied().collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn key(recorded: &Recorded) -> Option<Key> {
    let LogEvent::Telemetry(TelemetryEvent::Recorded {
        event,
        rule_id,
        page_url,
        at,
        ..
    }) = &recorded.event
    else {
        return None;
    };
    let page = page_url.as_ref().map(|url| path(url.expose())).unwrap_or_default();
    Some(Key {
        agent_id: recorded.subject.agent_id()?.to_string(),
        day: at.to_offset_date_time().date(),
        event: stored::short_text(event, NAME_BYTES_MAX),
        rule_id: stored::short_text(rule_id.as_deref().unwrap_or_default(), NAME_BYTES_MAX),
        page: stored::short_text(page, PAGE_BYTES_MAX),
        workspace_id: stored::workspace_id(recorded),
        partition: stored::partition(recorded.position.partition),
    })
}

/// The path of an address, without host, query and fragment: `/` at least.
fn path(url: &str) -> &str {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    let path = match without_query.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |start| &rest[start..]),
        None => without_query,
    };
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_by_their_path() {
        for (url, expected) in [
            ("https://shop.example/pricing?utm=1#top", "/pricing"),
            ("https://shop.example", "/"),
            ("https://shop.example?x=/y", "/"),
            ("https://shop.example/", "/"),
            ("/pricing?x=https://other.example/", "/pricing"),
        ] {
            assert_eq!(path(url), expected, "{url}");
        }
    }
}
