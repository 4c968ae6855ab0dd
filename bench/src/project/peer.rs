//! The peer: postgres-es keeps the counts of telemetry with its own queries, which update one view for each event, on the same
//! Postgres and without waiting for the disk either. It is handed the events; Diagent reads them from the log.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use tokio::process::Command;

use super::{fill::Row, servers::Servers};
use crate::install;

const PROJECT: &str = "postgres-es";
/// By how many update at once: as many as there are partitions, at most.
const WRITERS: [(&str, usize); 2] = [("postgres-es, one writer", 1), ("postgres-es, eight", 8)];

/// More is not counted in the time that there is.
const EVENTS_MAX: usize = 100_000;
const LASTING: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);

/// Events per second.
pub(crate) async fn count(servers: &Servers, rows: &[Row]) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let program = install::build(PROJECT).await?.join("queries");
    let events = install::installed(PROJECT).join("events.jsonl");
    std::fs::write(&events, lines(rows)?).with_context(|| format!("cannot write {}", events.display()))?;
    let mut rates = BTreeMap::new();
    for (name, writers) in WRITERS {
        let mut command = Command::new(&program);
        command
            .env("DATABASE_URL", servers.postgres_url())
            .env("EVENTS", &events)
            .env("WRITERS", writers.to_string())
            .env("MILLISECONDS", LASTING.as_millis().to_string());
        let printed = install::within(command, PATIENCE).await?;
        let rate = printed
            .trim()
            .parse()
            .with_context(|| format!("no figure: {printed}"))?;
        rates.insert(name, rate);
    }
    Ok(rates)
}

fn lines(rows: &[Row]) -> anyhow::Result<String> {
    let mut lines = String::new();
    for row in rows.iter().take(EVENTS_MAX) {
        let day = row.at.to_offset_date_time().date().to_string();
        let event = json!({
            "agent_id": row.agent_id, "day": day, "event": row.event, "rule_id": row.rule_id, "page": row.page,
        });
        writeln!(lines, "{event}")?;
    }
    Ok(lines)
}
