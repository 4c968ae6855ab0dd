//! Once a second: a sign of life, a look at who lives and how all partitions stand, and then this worker takes what its share
//! lacks and lets go of what it has too many.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use events::Partition;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Runner, Slot,
    lag::Lags,
    lease::{self, Standing, Worker},
    partition::{PartitionLoop, Progress},
    share::{salt, share},
};
use crate::{
    projection::Registered,
    versions::{self, VersionName},
};

/// How often a worker looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// A look that takes longer than the lease is of no use.
const PATIENCE: Duration = Duration::from_secs(2);

/// A partition that this worker has.
struct Held {
    epoch: i64,
    stop: CancellationToken,
    task: JoinHandle<()>,
    bell: Arc<Notify>,
    progress: Arc<Progress>,
    /// Its last sequence before the database was asked, which therefore knows of it.
    committed: u64,
}

impl Held {
    /// Whether the database and the loop still agree. A checkpoint that went back (a crash took commits that were not on
    /// disk, a backup was restored) would be noticed by the next batch only, and an idle partition has none.
    fn is_as(&self, row: &Standing) -> bool {
        let sequence = u64::try_from(row.sequence).unwrap_or_default();
        row.epoch == self.epoch && row.is_running && sequence >= self.committed
    }
}

/// What this worker has, and its way to look.
pub(super) struct Assignment {
    runner: Arc<Runner>,
    /// What it runs, as its row says.
    running: Vec<String>,
    held: HashMap<Slot, Held>,
    /// Its own, so that a look never waits behind batches for the pool.
    connection: Option<PoolConnection<Postgres>>,
    are_partitions_open: bool,
    lags: Lags,
    /// Partitions that nobody has and whose lag this worker shows, with their last applied sequence.
    orphans: HashMap<Slot, u64>,
}

impl Assignment {
    pub(super) fn new(runner: Arc<Runner>) -> Self {
        let running = runner
            .projections
            .iter()
            .map(|projection| row_name(projection))
            .collect();
        Self {
            runner,
            running,
            held: HashMap::new(),
            connection: None,
            are_partitions_open: false,
            lags: Lags::default(),
            orphans: HashMap::new(),
        }
    }

    /// Looks until the drain starts, then lets everything go.
    pub(super) async fn run(mut self) {
        let drain = self.runner.tasks.drain_token();
        let mut next = Instant::now();
        while !drain.is_cancelled() {
            let outcome = match tokio::time::timeout(PATIENCE, self.look()).await {
                Ok(outcome) => outcome,
                Err(_) => Err(sqlx::Error::PoolTimedOut),
            };
            if let Err(error) = outcome {
                // A connection that failed once is not asked again.
                self.connection = None;
                tracing::warn!(%error, "the projector's assignment cannot be read or written");
            }
            self.show_lags().await;
            next = (next + INTERVAL).max(Instant::now());
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
        self.leave().await;
    }

    async fn leave(mut self) {
        for held in self.held.values() {
            held.stop.cancel();
        }
        for (_, held) in self.held.drain() {
            if let Err(error) = held.task.await {
                tracing::error!(%error, "a partition's loop ended in a panic");
            }
        }
        if let Err(error) = lease::leave(&self.runner.pool, &self.runner.worker_id).await {
            tracing::warn!(%error, "the projector could not say goodbye; its lease will end");
        }
    }

    async fn look(&mut self) -> sqlx::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.runner.pool.acquire().await?,
        };
        self.look_by(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn look_by(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if !self.are_partitions_open {
            for projection in &self.runner.projections {
                versions::open_partitions(connection, projection, self.runner.log.partitions()).await?;
            }
            self.are_partitions_open = true;
        }
        lease::renew(connection, &self.runner.worker_id, &self.running).await?;
        let workers = lease::workers(connection).await?;
        self.held.retain(|_, held| !held.task.is_finished());
        for held in self.held.values_mut() {
            held.committed = held.progress.sequence();
        }
        let standing = lease::standing(connection, &self.running).await?;
        self.check(connection, &standing).await?;
        self.orphans = self.orphans(&standing, &workers);

        let mut versions: BTreeMap<(String, i32), Vec<Standing>> = BTreeMap::new();
        for row in standing {
            versions
                .entry((row.projection.clone(), row.version))
                .or_default()
                .push(row);
        }
        for ((name, version), rows) in versions {
            if let Some(projection) = self
                .runner
                .projections
                .iter()
                .find(|projection| projection.name == name)
                .cloned()
            {
                self.balance(connection, &projection, version, (&rows, &workers))
                    .await?;
            }
        }
        Ok(())
    }

    /// Stops what this worker has no more, rings where letters wait, lets go of what has no loop.
    async fn check(&mut self, connection: &mut PgConnection, standing: &[Standing]) -> sqlx::Result<()> {
        let mut mine: HashMap<&Slot, &Standing> = HashMap::new();
        let slots: Vec<Option<Slot>> = standing.iter().map(|row| self.slot(row)).collect();
        for (row, slot) in standing.iter().zip(&slots) {
            let Some(slot) = slot else { continue };
            let labels = slot.labels();
            labels.halted(row.is_halted);
            labels.dead_letters(row.dead_letters);
            if row.owner.as_ref() != Some(&self.runner.worker_id) {
                continue;
            }
            if self.held.contains_key(slot) {
                mine.insert(slot, row);
            } else {
                lease::release(&mut *connection, &self.runner.worker_id, slot, row.epoch).await?;
            }
        }
        for (slot, held) in &self.held {
            match mine.get(slot) {
                Some(row) if held.is_as(row) => {
                    if row.has_requests {
                        held.bell.notify_one();
                    }
                }
                _ => held.stop.cancel(),
            }
        }
        Ok(())
    }

    fn slot(&self, row: &Standing) -> Option<Slot> {
        let projection = self
            .runner
            .projections
            .iter()
            .find(|projection| projection.name == row.projection)?;
        Some(Slot {
            version: VersionName {
                projection: projection.name,
                version: row.version,
            },
            partition: row.partition.parse().ok()?,
        })
    }

    /// Takes or lets go, until this worker has its share of a version.
    async fn balance(
        &mut self,
        connection: &mut PgConnection,
        projection: &Arc<Registered>,
        version: i32,
        (rows, workers): (&[Standing], &[Worker]),
    ) -> sqlx::Result<()> {
        let row_name = row_name(projection);
        let mut counts: BTreeMap<String, usize> = workers
            .iter()
            .filter(|worker| worker.projections.contains(&row_name))
            .map(|worker| (worker.worker_id.clone(), 0))
            .collect();
        let running: Vec<&Standing> = rows.iter().filter(|row| row.is_running).collect();
        for owner in running.iter().filter_map(|row| row.owner.as_ref()) {
            if let Some(count) = counts.get_mut(owner) {
                *count += 1;
            }
        }
        let share = share(running.len(), &counts, &self.runner.worker_id, salt(projection.name));
        let mut mine: Vec<Slot> = running
            .iter()
            .filter_map(|row| self.slot(row))
            .filter(|slot| self.held.get(slot).is_some_and(|held| !held.stop.is_cancelled()))
            .collect();
        mine.sort();
        let too_many = mine.len().saturating_sub(share);
        if too_many > 0 {
            tracing::info!(
                projection = projection.name,
                version,
                partitions = too_many,
                "partitions are let go"
            );
        }
        for slot in mine.iter().skip(share) {
            if let Some(held) = self.held.get(slot) {
                held.stop.cancel();
            }
        }
        let missing = share.saturating_sub(mine.len());
        if missing > 0 {
            let worker_id = &self.runner.worker_id;
            let taken = lease::acquire(connection, worker_id, projection.name, version, missing).await?;
            if !taken.is_empty() {
                let partitions = taken.len();
                tracing::info!(
                    projection = projection.name,
                    version,
                    partitions,
                    "partitions are taken"
                );
            }
            for (partition, epoch) in taken {
                if let Ok(partition) = partition.parse() {
                    self.start(projection, (version, partition), epoch);
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, projection: &Arc<Registered>, (version, partition): (i32, Partition), epoch: i64) {
        let slot = Slot {
            version: VersionName {
                projection: projection.name,
                version,
            },
            partition,
        };
        tracing::debug!(slot = %slot.version.consumer(partition), epoch, "partition taken");
        let (stop, bell) = (CancellationToken::new(), Arc::new(Notify::new()));
        let progress = Arc::new(Progress::default());
        let partition_loop = PartitionLoop::new(
            Arc::clone(&self.runner),
            Arc::clone(projection),
            (slot.clone(), epoch),
            Arc::clone(&progress),
            Arc::clone(&bell),
        );
        let task = self.runner.tasks.spawn(partition_loop.run(stop.clone()));
        let held = Held {
            epoch,
            stop,
            task,
            bell,
            progress,
            committed: 0,
        };
        self.held.insert(slot, held);
    }

    /// The partitions that nobody has, if this worker is the one to show them: the first that runs the projection.
    fn orphans(&self, standing: &[Standing], workers: &[Worker]) -> HashMap<Slot, u64> {
        let is_mine = |row: &Standing| {
            let running = self.running.iter().find(|name| lease::is_of(name, &row.projection));
            let mut runners = workers
                .iter()
                .filter(|worker| running.is_some_and(|running| worker.projections.contains(running)));
            runners
                .next()
                .is_some_and(|first| first.worker_id == self.runner.worker_id)
        };
        let is_alive = |owner: &String| workers.iter().any(|worker| worker.worker_id == *owner);
        standing
            .iter()
            .filter(|row| !row.owner.as_ref().is_some_and(is_alive) && is_mine(row))
            .filter_map(|row| Some((self.slot(row)?, u64::try_from(row.sequence).ok()?)))
            .collect()
    }

    async fn show_lags(&mut self) {
        let held = self.held.iter().filter(|(_, held)| !held.task.is_finished());
        let held = held.map(|(slot, held)| (slot.clone(), held.progress.sequence()));
        let slots = self.orphans.clone().into_iter().chain(held).collect();
        self.lags.show(&self.runner.log, slots).await;
    }
}

/// How a worker's row names what it runs.
fn row_name(projection: &Registered) -> String {
    lease::running(projection.name, i64::from(projection.definition))
}
