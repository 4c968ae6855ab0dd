//! `diagent replay` on a large log, as a process of its own: events per second in each form beside a consumer that does
//! nothing with what it reads, and the most memory that was used.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::process::{Child, Command};

use crate::{
    product::{Memory, binary, free_address, memory_mb},
    project::{
        fill,
        limit::{self, per_second},
        servers::{PARTITIONS, Servers},
    },
    report::{Figure, Report, median},
};

const SECRET: &str = "the secret of a bench is no secret";
const POLL: Duration = Duration::from_millis(20);

/// What is measured: the name, the form, and whether it goes through the read API.
const WAYS: [(&str, &str, bool); 4] = [
    ("NDJSON", "ndjson", false),
    ("NDJSON through the read API", "ndjson", true),
    ("CSV", "csv", false),
    ("Parquet", "parquet", false),
];

/// One export.
struct Export {
    rate: f64,
    memory_mb: f64,
}

pub(crate) async fn run(events: usize, rounds: usize) -> anyhow::Result<Report> {
    let servers = Servers::start().await?;
    fill::run(&servers.log, events).await?;
    let total = total(&servers).await?;
    let address = free_address()?;
    let mut read_api = command(&servers)?
        .args(["read-api"])
        .env("READ_API_ADDR", &address)
        .spawn()
        .context("cannot start the read API")?;
    let token = token(&servers).await?;
    let through = [("READ_API_URL", format!("http://{address}")), ("DIAGENT_TOKEN", token)];

    let mut limits = Vec::new();
    let mut exports: [Vec<Export>; WAYS.len()] = Default::default();
    for _ in 0..rounds {
        for ((_, format, is_through), exports) in WAYS.iter().zip(&mut exports) {
            limits.push(limit::read(&servers.log).await?);
            let mut command = command(&servers)?;
            if *is_through {
                command.envs(through.clone());
            }
            exports.push(export(command, format, total).await?);
        }
    }
    let read_api_mb = peak_mb(&read_api)?;
    read_api.kill().await?;
    servers.stop().await?;

    let limit = median(limits);
    let mut report = Report::new("replay");
    for ((name, ..), exports) in WAYS.iter().zip(exports) {
        let goal = if *name == "NDJSON" { "ratio 0.60" } else { "" };
        let (rates, memory): (Vec<f64>, Vec<f64>) =
            exports.iter().map(|export| (export.rate, export.memory_mb)).unzip();
        let what = format!("{name}, {total} events; limit: a consumer");
        report.row(what, figure("events/s", median(rates), Some(limit)), goal);
        report.row(format!("{name}, most memory"), figure("MB", median(memory), None), "");
    }
    report.row("the read API, most memory", figure("MB", read_api_mb, None), "");
    Ok(report)
}

/// Exports the whole log as NDJSON, straight from the log.
pub(crate) async fn export_once(servers: &Servers) -> anyhow::Result<()> {
    export(command(servers)?, "ndjson", total(servers).await?).await?;
    Ok(())
}

async fn total(servers: &Servers) -> anyhow::Result<usize> {
    let mut total = 0;
    for partition in events::Partition::all(PARTITIONS) {
        total += usize::try_from(servers.log.last_sequence(partition).await?)?;
    }
    Ok(total)
}

/// Exports the whole log to a place that is removed afterwards.
async fn export(mut command: Command, format: &str, total: usize) -> anyhow::Result<Export> {
    let folder = std::env::temp_dir().join(format!("diagent-bench-export-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let out = folder.join("out");
    let started = Instant::now();
    let mut process = command
        .args(["replay", "--format", format, "--out"])
        .arg(&out)
        .spawn()
        .context("cannot start a replay")?;
    let mut memory_mb = 0.0;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        memory_mb = peak_mb(&process).unwrap_or(memory_mb);
        tokio::time::sleep(POLL).await;
    };
    let took = started.elapsed();
    ensure!(status.success(), "the replay ended with {status}");
    let exported = exported(&out)?;
    std::fs::remove_dir_all(&folder)?;
    ensure!(exported == total, "{exported} of {total} events were exported");
    Ok(Export {
        rate: per_second(total, took),
        memory_mb,
    })
}

/// How many events the export says it holds.
fn exported(out: &Path) -> anyhow::Result<usize> {
    let state = if out.is_dir() {
        out.join("_replay.json")
    } else {
        out.with_file_name("out.replay.json")
    };
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(state)?)?;
    Ok(usize::try_from(state["events"].as_u64().context("a count")?)?)
}

async fn token(servers: &Servers) -> anyhow::Result<String> {
    let output = command(servers)?
        .args(["token", "--name", "bench"])
        .stdout(Stdio::piped())
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "no token: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn command(servers: &Servers) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .envs(servers.environment())
        .env("OPERATOR_JWT_SECRET", SECRET)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

fn peak_mb(process: &Child) -> anyhow::Result<f64> {
    memory_mb(process.id().context("it has ended")?, Memory::Peak)
}

const fn figure(unit: &'static str, diagent: f64, limit: Option<f64>) -> Figure {
    Figure { unit, diagent, limit }
}
