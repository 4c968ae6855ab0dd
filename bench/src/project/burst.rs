//! Steady state: how many events a second a live projection applies of a burst that is appended as fast as the log takes it, from
//! the burst's first event until the last one is applied. The limit is what the log takes meanwhile: a projection at its limit keeps up.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::{
    DOCUMENTS, PROJECTIONS, events_per_second,
    fill::{self, Row},
    limit::{self, per_second},
    pages,
    process::{self, Projector},
    servers::Servers,
};
use crate::report::Report;

/// Telemetry events for each page of a burst.
const EVENTS_PER_PAGE: usize = 50;

/// What was appended, and how long that took.
struct Burst {
    events: usize,
    /// Of the telemetry among them.
    rows: Vec<Row>,
    took: Duration,
}

/// Each projection alone, and then those of visitors' events in one process. A burst is `telemetry` events and what belongs to
/// them, or pages; `peers` count telemetry.
pub(crate) async fn run(
    servers: &Servers,
    telemetry: usize,
    peers: &BTreeMap<&'static str, f64>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (visits_alone, pages_alone) = (visits(servers, telemetry).await?, put(servers, telemetry).await?);
    for (what, burst) in [("visits", visits_alone), ("pages", pages_alone)] {
        let name = format!("steady state: a burst of {what}, which nobody reads, is appended");
        report.row(name, events_per_second(burst.appended(), None), "");
    }
    for projection in PROJECTIONS {
        let projector = Projector::start(servers, &["--only", projection])?;
        process::built(servers, projection, None).await?;
        let started = Instant::now();
        let burst = if projection == DOCUMENTS {
            put(servers, telemetry).await?
        } else {
            visits(servers, telemetry).await?
        };
        process::built(servers, projection, None).await?;
        let took = started.elapsed();
        projector.stop().await?;
        if projection == "telemetry" {
            let upserted = limit::upsert(servers, &burst.rows).await?;
            report.row_beside(
                "steady state of telemetry, its own events; limit: one upserts a row for each with UNNEST",
                events_per_second(per_second(burst.rows.len(), took), Some(upserted)),
                "ahead of the peer",
                peers.clone(),
            );
        }
        report.row(
            format!("steady state of {projection}, alone; limit: the log takes the burst meanwhile"),
            events_per_second(per_second(burst.events, took), Some(burst.appended())),
            "",
        );
    }
    together(servers, telemetry, report).await
}

impl Burst {
    /// Events per second that the log took.
    fn appended(&self) -> f64 {
        per_second(self.events, self.took)
    }
}

/// All that read visitors' events, from one burst.
async fn together(servers: &Servers, telemetry: usize, report: &mut Report) -> anyhow::Result<()> {
    let projector = Projector::start(servers, &[])?;
    for projection in PROJECTIONS {
        process::built(servers, projection, None).await?;
    }
    let started = Instant::now();
    let burst = visits(servers, telemetry).await?;
    let readers = PROJECTIONS.into_iter().filter(|projection| *projection != DOCUMENTS);
    let applied = try_join_all(readers.map(|projection| async move {
        process::built(servers, projection, None).await?;
        anyhow::Ok((projection, started.elapsed()))
    }))
    .await?;
    projector.stop().await?;
    for (projection, took) in applied {
        report.row(
            format!("steady state of {projection}, all in one process; limit: the log takes the burst meanwhile"),
            events_per_second(per_second(burst.events, took), Some(burst.appended())),
            "",
        );
    }
    Ok(())
}

async fn visits(servers: &Servers, telemetry: usize) -> anyhow::Result<Burst> {
    let before = servers.events().await?;
    let started = Instant::now();
    let rows = fill::run(&servers.log, telemetry).await?.rows;
    Ok(Burst {
        took: started.elapsed(),
        events: usize::try_from(servers.events().await? - before)?,
        rows,
    })
}

async fn put(servers: &Servers, telemetry: usize) -> anyhow::Result<Burst> {
    let events = telemetry / EVENTS_PER_PAGE;
    let started = Instant::now();
    pages::put(&servers.log, events).await?;
    Ok(Burst {
        took: started.elapsed(),
        events,
        rows: Vec::new(),
    })
}
