//! `diagent projector` as a process, and what the database says of its progress.

use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use events::Partition;
use rustix::process::{Signal, kill_process};
use tokio::process::{Child, Command};

use super::{
    DOCUMENTS,
    limit::per_second,
    servers::{PARTITIONS, Servers},
};
use crate::product::{Memory, binary, free_address, memory_mb, pid};

const PATIENCE: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(20);

/// A running projector.
pub(crate) struct Projector(Child);

impl Projector {
    pub(crate) fn start(servers: &Servers, arguments: &[&str]) -> anyhow::Result<Self> {
        let child = command(servers)?
            .arg("projector")
            .args(arguments)
            .env("PROJECTOR_ADDR", free_address()?)
            .spawn()
            .context("cannot start a projector")?;
        Ok(Self(child))
    }

    /// As an operator would.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.0.wait().await?;
        ensure!(status.success(), "the projector ended with {status}");
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.0.id().context("the projector has ended")?;
        Ok(kill_process(pid(id)?, signal)?)
    }

    /// The most memory that it has had, in MB.
    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        memory_mb(self.0.id().context("the projector has ended")?, Memory::Peak)
    }

    /// With `kill -9`.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.0.kill().await?)
    }
}

/// Begins another version of `projection`; answers its number.
pub(crate) async fn rebuild(servers: &Servers, projection: &str) -> anyhow::Result<i32> {
    let mut command = command(servers)?;
    command.args(["projections", "rebuild", projection, "--no-wait"]);
    ensure!(command.status().await?.success(), "the rebuild was refused");
    let sql = "SELECT max(version) FROM diagent.versions WHERE projection = $1";
    Ok(sqlx::query_scalar(sql)
        .bind(projection)
        .fetch_one(&servers.pool)
        .await?)
}

fn command(servers: &Servers) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .envs(servers.environment())
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// What a projection reads of the log as the bench fills it.
fn partitions(projection: &str) -> Vec<Partition> {
    if projection == DOCUMENTS {
        vec![Partition::Control]
    } else {
        (0..PARTITIONS).map(Partition::Events).collect()
    }
}

/// Waits until a version, or else the first one, has read the log up to where it ends now; answers its events per second, from
/// its first batch on. If all came in one batch, its start counts too: that is all that is known then.
pub(crate) async fn built(servers: &Servers, projection: &str, version: Option<i32>) -> anyhow::Result<f64> {
    let mut ends = BTreeMap::new();
    for partition in partitions(projection) {
        let last = servers.log.last_sequence(partition).await?;
        ends.insert(partition.to_string(), i64::try_from(last)?);
    }
    let started = Instant::now();
    let (mut before, mut begun) = (None, None);
    loop {
        let positions = positions(servers, projection, version).await;
        let at = |partition: &String| positions.get(partition).copied().unwrap_or_default();
        let read: i64 = ends.keys().map(at).sum();
        let before = *before.get_or_insert(read);
        let now = Instant::now();
        if ends.iter().all(|(partition, end)| at(partition) >= *end) {
            let (start, first) = begun.unwrap_or((started, before));
            return Ok(per_second(usize::try_from(read - first)?, now - start));
        }
        if read > before {
            begun.get_or_insert((now, read));
        }
        ensure!(now < started + PATIENCE, "{projection} is not built after {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// How far a version is, by partition; nowhere while there are no tables yet.
pub(crate) async fn positions(servers: &Servers, projection: &str, version: Option<i32>) -> BTreeMap<String, i64> {
    let sql = "SELECT partition, sequence FROM diagent.checkpoints WHERE projection = $1 AND version =
        coalesce($2, (SELECT min(version) FROM diagent.versions WHERE projection = $1))";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql)
        .bind(projection)
        .bind(version)
        .fetch_all(&servers.pool)
        .await
        .unwrap_or_default();
    rows.into_iter().collect()
}

/// Waits until `workers` have all partitions of each projection, evenly.
pub(crate) async fn shares(servers: &Servers, workers: usize) -> anyhow::Result<()> {
    const OWNED: &str = "SELECT projection, version, coalesce(owner, ''), count(*) FROM read.checkpoints
        GROUP BY 1, 2, 3";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows: Vec<(String, i32, String, i64)> = sqlx::query_as(OWNED).fetch_all(&servers.pool).await?;
        let mut versions: BTreeMap<(String, i32), Vec<i64>> = BTreeMap::new();
        let all_owned = rows.iter().all(|(_, _, owner, _)| !owner.is_empty());
        for (projection, version, _, count) in rows {
            versions.entry((projection, version)).or_default().push(count);
        }
        let even = |counts: &Vec<i64>| {
            let total = usize::try_from(counts.iter().sum::<i64>()).unwrap_or_default();
            counts.len() == workers.min(total)
                && counts.iter().max() <= counts.iter().min().map(|least| least + 1).as_ref()
        };
        if all_owned && versions.values().all(even) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the partitions are not spread: {versions:?}");
        tokio::time::sleep(POLL).await;
    }
}
