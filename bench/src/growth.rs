//! What an event costs in a log that grows: time to append one, to read one conversation and to project one, memory and disk of the
//! servers, and how long the log takes to come back. There is no limit to compare with: what counts is that the columns stay level.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use events::{Clock, Partition};
use futures::future::try_join_all;

use crate::{
    append::{self, Load},
    project::{
        DOCUMENTS, PROJECTIONS,
        fill::{self, Visit},
        process::{self, Projector},
        servers::{PARTITIONS, Servers},
    },
    report::{Figure, Report, median},
};

/// Visitors whose conversations are read, written before all others: what is read is never what was written last.
const OLD_VISITORS: u64 = 200;
const WRITERS: Load = Load { writers: 64, batch: 1 };
const LASTING: Duration = Duration::from_secs(3);

/// Measures at ten thousand events, ten times as many, and so on up to `events`.
pub(crate) async fn run(events: usize) -> anyhow::Result<Report> {
    let mut servers = Servers::start().await?;
    let mut report = Report::new("growth");
    let empty = servers.database_bytes().await?;
    let at = Clock::default().now();
    let old: Vec<Visit> = (0..OLD_VISITORS).map(|number| Visit::new(number, at)).collect();
    for visit in &old {
        visit.write(&servers.log).await?;
    }
    let sizes = std::iter::successors(Some(10_000), |size| Some(size * 10));
    for size in sizes.take_while(|size| *size <= events) {
        // What was appended to measure the size before is in the log, too.
        let missing = size.saturating_sub(usize::try_from(servers.events().await?)?);
        // Eight of ten events of a visit are telemetry.
        fill::run(&servers.log, missing * 8 / 10).await?;
        servers = measure(servers, (&old, empty), &mut report).await?;
    }
    servers.stop().await?;
    Ok(report)
}

async fn measure(servers: Servers, (old, empty): (&[Visit], u64), report: &mut Report) -> anyhow::Result<Servers> {
    let (events, subjects) = (servers.events().await?, subjects(&servers).await?);
    let mut row = |what: &str, unit, diagent| {
        let figure = Figure {
            unit,
            diagent,
            limit: None,
        };
        report.row(format!("{what}, {events} events, {subjects} subjects"), figure, "level");
    };
    row(
        &format!("appends by {} writers", WRITERS.writers),
        "events/s",
        append::raw::append(&servers.log, WRITERS, LASTING).await?,
    );
    let (reading, finding) = read(&servers, old).await?;
    row("a conversation is read, p50", "ms", reading);
    row("a conversation is found by its id, p50", "ms", finding);
    let account = servers.log.jetstream().query_account().await?;
    row(
        "disk of one event",
        "bytes",
        per_event(account.storage, servers.events().await?),
    );
    row("memory of NATS", "MB", servers.nats_memory_mb()?);
    let (servers, took) = servers.restart_nats().await?;
    row("NATS is back after a restart", "s", took.as_secs_f64());
    read_models(&servers, empty, row).await?;
    Ok(servers)
}

/// All projections in one process read what was appended since the size before; the database had `empty` bytes without them.
async fn read_models(
    servers: &Servers,
    empty: u64,
    mut row: impl FnMut(&str, &'static str, f64),
) -> anyhow::Result<()> {
    let projector = Projector::start(servers, &[])?;
    let readers = PROJECTIONS.into_iter().filter(|projection| *projection != DOCUMENTS);
    let rates = try_join_all(readers.map(|projection| process::built(servers, projection, None))).await?;
    let slowest = rates.into_iter().min_by(f64::total_cmp).unwrap_or_default();
    row("read models catch up, the slowest", "events/s", slowest);
    row("memory of the projector, at most", "MB", projector.memory_mb()?);
    row("memory of PostgreSQL", "MB", servers.postgres_memory_mb()?);
    projector.stop().await?;
    let bytes = servers.database_bytes().await?.saturating_sub(empty);
    row(
        "disk of read models, for one event",
        "bytes",
        per_event(bytes, servers.events().await?),
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a disk")]
fn per_event(bytes: u64, events: u64) -> f64 {
    bytes as f64 / events as f64
}

/// Milliseconds to read a conversation, and to find one.
async fn read(servers: &Servers, old: &[Visit]) -> anyhow::Result<(f64, f64)> {
    let (mut reading, mut finding) = (Vec::new(), Vec::new());
    for visit in old {
        let started = Instant::now();
        let read = servers.log.events_of(&visit.conversation()).await?;
        reading.push(started.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(!read.is_empty(), "a conversation is gone");
        let started = Instant::now();
        let found = servers.log.find_conversation(visit.conversation_id()).await?;
        finding.push(started.elapsed().as_secs_f64() * 1_000.0);
        found.context("a conversation is not found")?;
    }
    Ok((median(reading), median(finding)))
}

async fn subjects(servers: &Servers) -> anyhow::Result<u64> {
    let mut subjects = 0;
    for partition in Partition::all(PARTITIONS) {
        let stream = servers.log.stream(partition).await?;
        subjects += stream.get_info().await?.state.subjects_count;
    }
    Ok(subjects)
}
