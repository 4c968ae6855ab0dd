//! Read models on a large log, with the projector as a process of its own: the rate of a rebuild beside plain set-based
//! upserts and inserts of one row per event (by one connection, and by as many as there are partitions) and beside the queries of
//! postgres-es, the rate in steady state, the lag under a steady load and beside a rebuild, and how long partitions take to move.

mod burst;
pub(crate) mod fill;
mod lag;
pub(crate) mod limit;
mod pages;
mod peer;
pub(crate) mod process;
pub(crate) mod servers;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::Signal;

use self::{
    fill::Filled,
    lag::Lag,
    process::Projector,
    servers::{PARTITIONS, Servers},
};
use crate::report::{Figure, Report};

/// All of the product's projections.
pub(crate) const PROJECTIONS: [&str; 7] = [
    "telemetry",
    "conversations",
    "leads",
    "usage",
    "gaps",
    "erasures",
    DOCUMENTS,
];
/// It reads agents' pages, and nothing of visitors.
pub(crate) const DOCUMENTS: &str = "documents";

/// Telemetry events in the log for each page.
const EVENTS_PER_PAGE: usize = 100;
/// A burst is this part of the log.
const BURSTS: usize = 4;

/// Events per second of the steady load, and how long it lasts.
const STEADY: (usize, Duration) = (5_000, Duration::from_secs(20));

pub(crate) async fn run(events: usize) -> anyhow::Result<Report> {
    let servers = Servers::start().await?;
    let mut report = Report::new("project");
    let measured = measure(&servers, events, &mut report).await;
    servers.stop().await?;
    if measured.is_err() {
        // What was measured until then took minutes.
        report.show()?;
    }
    measured.map(|()| report)
}

async fn measure(servers: &Servers, events: usize, report: &mut Report) -> anyhow::Result<()> {
    let filled = fill::run(&servers.log, events).await?;
    pages::put(&servers.log, events / EVENTS_PER_PAGE).await?;
    let peers = peer::count(servers, &filled.rows).await.unwrap_or_else(|error| {
        report.not_measured([("postgres-es", format!("{error:#}"))].into());
        BTreeMap::new()
    });
    rebuilds(servers, &filled, &peers, report).await?;
    burst::run(servers, events / BURSTS, &peers, report).await?;
    steady(servers, report).await?;
    moves(servers, report).await
}

/// Each projection from the first event to the last, alone.
#[expect(clippy::cast_precision_loss, reason = "a few millions")]
async fn rebuilds(
    servers: &Servers,
    filled: &Filled,
    peers: &BTreeMap<&'static str, f64>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (read, read_pages) = (limit::read(&servers.log).await?, limit::read_pages(&servers.log).await?);
    let alone = limit::insert(servers, &filled.rows, 1).await?;
    let upserted = limit::upsert(servers, &filled.rows).await?;
    let before = limit::insert(servers, &filled.rows, PARTITIONS).await?;
    for projection in PROJECTIONS {
        let projector = Projector::start(servers, &["--only", projection])?;
        let rate = process::built(servers, projection, None).await?;
        projector.stop().await?;
        if projection == "telemetry" {
            let after = limit::insert(servers, &filled.rows, PARTITIONS).await?;
            // Of the events that it reads, those that become rows.
            let own = rate * filled.rows.len() as f64 / servers.events().await? as f64;
            let all = f64::midpoint(before, after);
            for (how, limit) in [("one upserts", upserted), ("one inserts", alone), ("eight insert", all)] {
                report.row_beside(
                    format!("rebuild of telemetry, its own events; limit: {how} a row for each with UNNEST"),
                    events_per_second(own, Some(limit)),
                    "60000 events/s, ratio 0.50, ahead of the peer",
                    peers.clone(),
                );
            }
        }
        let limit = if projection == DOCUMENTS { read_pages } else { read };
        report.row(
            format!("rebuild of {projection}, all events; limit: reading them"),
            events_per_second(rate, Some(limit)),
            "",
        );
    }
    Ok(())
}

/// All projections in one process under a steady load, and then beside a rebuild.
async fn steady(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let projector = Projector::start(servers, &[])?;
    for projection in PROJECTIONS {
        process::built(servers, projection, None).await?;
    }
    let (rate, lasting) = STEADY;
    let lag = lag::under_load(servers, rate, async {
        tokio::time::sleep(lasting).await;
        Ok(())
    })
    .await?;
    lag_rows(report, &format!("lag at {rate} events/s"), &lag, "");

    let version = process::rebuild(servers, "telemetry").await?;
    let mut rebuilt = 0.0;
    let lag = lag::under_load(servers, rate, async {
        rebuilt = process::built(servers, "telemetry", Some(version)).await?;
        Ok(())
    })
    .await?;
    lag_rows(report, "lag beside a rebuild of telemetry", &lag, "p99 < 1000 ms");
    report.row("that rebuild, beside the load", events_per_second(rebuilt, None), "");
    projector.stop().await
}

/// How long it takes until partitions are where they belong, under the steady load: processes join, and are killed, paused and
/// woken.
async fn moves(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let mut took = Vec::new();
    let moving = async {
        let first = Projector::start(servers, &[])?;
        process::shares(servers, 1).await?;
        let mut scene = Scene {
            servers,
            took: &mut took,
        };
        let second = Projector::start(servers, &[])?;
        scene.until_even("a second process joins", 2).await?;
        let (third, fourth) = (Projector::start(servers, &[])?, Projector::start(servers, &[])?);
        scene.until_even("a third and a fourth join", 4).await?;
        fourth.kill().await?;
        scene.until_even("one of four is killed", 3).await?;
        third.signal(Signal::STOP)?;
        scene.until_even("one of three is paused", 2).await?;
        third.signal(Signal::CONT)?;
        scene.until_even("it wakes", 3).await?;
        for projector in [second, third] {
            projector.stop().await?;
        }
        scene.until_even("two of three are told to stop", 1).await?;
        // It works until all that was written is applied.
        anyhow::Ok(first)
    };
    let mut first = None;
    lag::under_load(servers, STEADY.0, async {
        first = Some(moving.await?);
        Ok(())
    })
    .await?;
    first.context("the first projector")?.stop().await?;
    for (what, took) in took {
        let figure = Figure {
            unit: "s",
            diagent: took.as_secs_f64(),
            limit: None,
        };
        report.row(format!("partitions are spread again after {what}"), figure, "5 s");
    }
    Ok(())
}

struct Scene<'a> {
    servers: &'a Servers,
    took: &'a mut Vec<(&'static str, Duration)>,
}

impl Scene<'_> {
    async fn until_even(&mut self, after: &'static str, workers: usize) -> anyhow::Result<()> {
        let started = Instant::now();
        process::shares(self.servers, workers).await?;
        self.took.push((after, started.elapsed()));
        Ok(())
    }
}

fn lag_rows(report: &mut Report, what: &str, lag: &[Lag], goal: &str) {
    for Lag { projection, p50, p99 } in lag {
        for (name, value) in [("p50", *p50), ("p99", *p99)] {
            let figure = Figure {
                unit: "ms",
                diagent: value,
                limit: None,
            };
            report.row(format!("{what}, {projection}, {name}"), figure, goal);
        }
    }
}

const fn events_per_second(rate: f64, limit: Option<f64>) -> Figure {
    Figure {
        unit: "events/s",
        diagent: rate,
        limit,
    }
}
