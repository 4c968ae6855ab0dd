//! Durable appends: telemetry and commands through HTTP, beside raw publishes into the same streams, and beside what other
//! event stores append. All of them acknowledge what is on disk; events are of the same size, and each writer has a stream of
//! its own. Diagent is asked over HTTP, with a token to check; the others are called directly. Several events at a time are
//! compared with several at a time.

mod peers;
pub(crate) mod raw;
mod widget;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use self::{peers::Peers, widget::Widget};
use crate::{
    profile,
    project::servers::Servers,
    report::{Figure, Report, median},
};

/// One measurement.
const LASTING: Duration = Duration::from_secs(1);
const WRITERS: [usize; 3] = [1, 8, 64];

/// Events in one append; of the widget's telemetry the contract takes up to 50 in a request.
const BATCHES: [usize; 2] = [1, 20];

/// Rows of the report: what Diagent does, and how many events at a time.
const ROWS: [(&str, usize); 3] = [
    (widget::COMMANDS, 1),
    (widget::TELEMETRY, BATCHES[0]),
    (widget::TELEMETRY, BATCHES[1]),
];
/// Each append is a publish, or a batch, of its own.
const PUBLISHED: &str = "publishes";
/// The log commits together what waits.
const GROUPED: &str = "the log itself, without HTTP and readers";

/// What is done at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) writers: usize,
    pub(crate) batch: usize,
}

/// Events per second of each round, by who appended them.
type Samples = BTreeMap<(&'static str, Load), Vec<f64>>;

pub(crate) async fn run(rounds: usize) -> anyhow::Result<Report> {
    let servers = Servers::start().await?;
    let measured = measure(&servers, rounds).await;
    servers.stop().await?;
    measured
}

/// Commands of so many writers as the largest load has.
pub(crate) async fn profile(report: &mut Report) -> anyhow::Result<()> {
    let writers = WRITERS[WRITERS.len() - 1];
    let mut widget = Widget::start(writers).await?;
    let commands = async {
        let started = Instant::now();
        while started.elapsed() < profile::LASTING {
            widget.append(widget::COMMANDS, Load { writers, batch: 1 }).await?;
        }
        anyhow::Ok(())
    };
    profile::look("commands", report, commands).await?;
    widget.stop().await
}

async fn measure(servers: &Servers, rounds: usize) -> anyhow::Result<Report> {
    let (peers, missing) = Peers::install(servers.postgres_url()).await;
    let mut samples = Samples::new();
    for _ in 0..rounds {
        others(servers, &peers, &mut samples).await?;
        // Started anew each time, since its read models would go on working while the others are measured.
        let mut widget = Widget::start(WRITERS[WRITERS.len() - 1]).await?;
        for writers in WRITERS {
            for (what, batch) in ROWS {
                let load = Load { writers, batch };
                samples
                    .entry((what, load))
                    .or_default()
                    .push(widget.append(what, load).await?);
            }
        }
        widget.stop().await?;
    }
    Ok(report(samples, missing))
}

async fn others(servers: &Servers, peers: &Peers, samples: &mut Samples) -> anyhow::Result<()> {
    for writers in WRITERS {
        for batch in BATCHES {
            let load = Load { writers, batch };
            let published = raw::publish(&servers.log, load).await?;
            samples.entry((PUBLISHED, load)).or_default().push(published);
            let grouped = raw::append(&servers.log, load, LASTING).await?;
            samples.entry((GROUPED, load)).or_default().push(grouped);
            for (name, rate) in peers.append(load).await? {
                samples.entry((name, load)).or_default().push(rate);
            }
        }
    }
    Ok(())
}

fn report(samples: Samples, missing: BTreeMap<&'static str, String>) -> Report {
    let medians: BTreeMap<_, _> = samples.into_iter().map(|(key, rates)| (key, median(rates))).collect();
    let rate = |who, writers, batch| medians.get(&(who, Load { writers, batch })).copied();
    let mut report = Report::new("append");
    for (what, batch) in ROWS {
        for writers in WRITERS {
            let figure = |limit| Figure {
                unit: "events/s",
                diagent: rate(what, writers, batch).unwrap_or_default(),
                limit: rate(limit, writers, batch),
            };
            let beside = peers::NAMES.into_iter();
            let beside = beside
                .filter_map(|name| Some((name, rate(name, writers, batch)?)))
                .collect();
            let name = format!("{what}, {batch} at a time, {writers} at once");
            report.row_beside(&name, figure(PUBLISHED), goal(what, writers, batch), beside);
            if what == widget::TELEMETRY {
                report.row(format!("{name}; limit: {GROUPED}"), figure(GROUPED), "");
            }
        }
    }
    report.not_measured(missing);
    report
}

fn goal(what: &str, writers: usize, batch: usize) -> &'static str {
    match (what, writers, batch) {
        (widget::COMMANDS, 64, _) => "ratio 0.80, 2 x the best on Postgres",
        (widget::COMMANDS, ..) => "ratio 0.80, ahead of Postgres",
        (_, 64, 20) => "25000, ahead of all",
        _ => "ahead of all",
    }
}
