//! What the widgets report, counted by agent, day (UTC), event, rule and page. Counts hold no visitor and outlive erasures.

use std::collections::{BTreeMap, HashMap};

use events::{AgentId, Category, LogEvent, Partition, Recorded, Timestamp, WorkspaceId, telemetry::TelemetryEvent};
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
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

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
    const OUTLIVES_ERASURE: bool = true;

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let mut seen: HashMap<Seen<'_>, i64> = HashMap::new();
        for recorded in batch {
            if let Some(one) = Seen::of(recorded) {
                *seen.entry(one).or_default() += 1;
            }
        }
        // Rows are touched in one order by all; and what differed may be the same once it is cut to what an index holds.
        let mut counts: BTreeMap<Key, i64> = BTreeMap::new();
        for (one, count) in seen {
            *counts.entry(one.key()).or_default() += count;
        }
        if counts.is_empty() {
            return Ok(());
        }
        let texts = |text: fn(&Key) -> &String| counts.keys().map(|key| text(key).as_str()).collect::<Vec<_>>();
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

/// What one event counts for, as it stands in the event: keys are made of the few that differ.
#[derive(PartialEq, Eq, Hash)]
struct Seen<'a> {
    agent_id: AgentId,
    /// Days since the first of 1970.
    day: i64,
    event: &'a str,
    rule_id: &'a str,
    page: &'a str,
    workspace_id: Option<WorkspaceId>,
    partition: Partition,
}

impl<'a> Seen<'a> {
    fn of(recorded: &'a Recorded) -> Option<Self> {
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
        Some(Self {
            agent_id: recorded.subject.agent_id()?,
            day: at.unix_millis().div_euclid(DAY_MS),
            event,
            rule_id: rule_id.as_deref().unwrap_or_default(),
            page: page_url.as_ref().map(|url| path(url.expose())).unwrap_or_default(),
            workspace_id: recorded.attributes.workspaceid,
            partition: recorded.position.partition,
        })
    }

    fn key(&self) -> Key {
        Key {
            agent_id: self.agent_id.to_string(),
            day: Timestamp::from_unix_millis(self.day * DAY_MS)
                .to_offset_date_time()
                .date(),
            event: stored::short_text(self.event, NAME_BYTES_MAX),
            rule_id: stored::short_text(self.rule_id, NAME_BYTES_MAX),
            page: stored::short_text(self.page, PAGE_BYTES_MAX),
            workspace_id: self.workspace_id.map(|id| id.to_string()).unwrap_or_default(),
            partition: stored::partition(self.partition),
        }
    }
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
