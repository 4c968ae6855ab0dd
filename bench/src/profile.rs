//! Who has the processors on each hot path, and for what, as `perf` of Linux sees it: 499 times a second it notes what each
//! processor is doing. `target/bench/profile-NAME.perf` can be looked at with `perf report`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, timeout},
};

use crate::{
    append,
    product::pid,
    project::{fill, process, process::Projector, servers::Servers},
    replay,
    report::{Figure, Report},
    stream,
};

/// How long a load that has no end of its own is looked at.
pub(crate) const LASTING: Duration = Duration::from_secs(10);

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// What has less than this, in percent, is not told.
const TOLD_FROM: f64 = 1.0;
const FUNCTIONS_MAX: usize = 15;
const NAME_CHARS: usize = 80;

pub(crate) async fn run(events: usize) -> anyhow::Result<Report> {
    let mut report = Report::new("profile");
    append::profile(&mut report).await?;
    stream::profile(&mut report).await?;
    let servers = Servers::start().await?;
    let read = from_the_log(&servers, events, &mut report).await;
    servers.stop().await?;
    read.map(|()| report)
}

async fn from_the_log(servers: &Servers, events: usize, report: &mut Report) -> anyhow::Result<()> {
    fill::run(&servers.log, events).await?;
    let projector = Projector::start(servers, &["--only", "telemetry"])?;
    look("rebuild", report, process::built(servers, "telemetry", None)).await?;
    projector.stop().await?;
    look("replay", report, replay::export_once(servers)).await
}

/// Does `work` under the eyes of `perf`, and tells who had the processors meanwhile.
pub(crate) async fn look<T>(
    name: &str,
    report: &mut Report,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let file = crate::report::folder()?.join(format!("profile-{name}.perf"));
    let mut perf = record(&file).await?;
    let done = work.await;
    let id = perf.id().context("perf has ended")?;
    kill_process(pid(id)?, Signal::INT)?;
    timeout(PATIENCE, perf.wait()).await.context("perf does not end")??;
    rows(name, &samples(&file).await?, report);
    done
}

/// Returns when it has begun.
async fn record(file: &PathBuf) -> anyhow::Result<Child> {
    if file.exists() {
        std::fs::remove_file(file)?;
    }
    let mut perf = Command::new("perf")
        .args(["record", "--all-cpus", "--freq", "499", "--output"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start perf: install it (Debian: linux-perf)")?;
    let deadline = Instant::now() + PATIENCE;
    while !file.exists() {
        if let Some(status) = perf.try_wait()? {
            bail!(
                "perf ended with {status}: it may look at all processors as root, or when kernel.perf_event_paranoid is below 1"
            );
        }
        ensure!(Instant::now() < deadline, "perf does not begin");
        tokio::time::sleep(POLL).await;
    }
    Ok(perf)
}

/// A function of a process, and its share in percent.
struct Sample {
    process: String,
    function: String,
    share: f64,
}

async fn samples(file: &Path) -> anyhow::Result<Vec<Sample>> {
    let output = Command::new("perf")
        .args(["report", "--stdio", "--no-children", "--fields", "overhead,comm,sym"])
        .args(["--field-separator", "|", "--input"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .await?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "perf cannot tell what it saw: {error}");
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(sample).collect())
}

/// One line: ` 4.27%|nats-server|[.] runtime.memmove`.
fn sample(line: &str) -> Option<Sample> {
    let mut fields = line.splitn(3, '|').map(str::trim);
    let share = fields.next()?.strip_suffix('%')?.parse().ok()?;
    let process = process_of(fields.next()?)?.to_owned();
    let function = fields.next()?.chars().take(NAME_CHARS).collect();
    Some(Sample {
        process,
        function,
        share,
    })
}

/// Whose thread it is; none of what else runs on the machine, and of processors that rest.
fn process_of(thread: &str) -> Option<&str> {
    let begins_with = |names: &[&str]| names.iter().any(|name| thread.starts_with(name));
    match thread {
        "bench" | "nats-server" | "postgres" | "diagent" => Some(thread),
        // The names of the threads that its libraries start.
        _ if begins_with(&["tokio-", "rten"]) => Some("diagent"),
        // What the system does later for those who wrote and sent.
        _ if begins_with(&["kworker", "ksoftirqd", "jbd2"]) => Some("kernel"),
        _ => None,
    }
}

fn rows(name: &str, samples: &[Sample], report: &mut Report) {
    let all: f64 = samples.iter().map(|sample| sample.share).sum();
    let mut processes: BTreeMap<&str, f64> = BTreeMap::new();
    let mut functions: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for Sample {
        process,
        function,
        share,
    } in samples
    {
        *processes.entry(process).or_default() += share / all * 100.0;
        *functions.entry((process, function)).or_default() += share / all * 100.0;
    }
    for (process, share) in largest(processes) {
        report.row(format!("{name}: {process}"), percent(share), "");
    }
    for ((process, function), share) in largest(functions).into_iter().take(FUNCTIONS_MAX) {
        report.row(format!("{name}: {process}: {function}"), percent(share), "");
    }
}

fn largest<K>(shares: BTreeMap<K, f64>) -> Vec<(K, f64)> {
    let mut shares: Vec<_> = shares.into_iter().filter(|(_, share)| *share >= TOLD_FROM).collect();
    shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    shares
}

const fn percent(share: f64) -> Figure {
    Figure {
        unit: "%",
        diagent: share,
        limit: None,
    }
}
