//! Runs projections: which worker has which partition, and for each of them the loop from the log to the rows.
//!
//! - [`assignment`] is the once-a-second look at who lives and who has what; [`lease`] its statements, [`share`] its
//!   arithmetic.
//! - [`partition`] is the loop of one partition of one version. It reads by [`fetch`], at the [`pace`] that all of a process share,
//!   tells erased from lost by [`gaps`], sorts a batch by [`intake`], applies it by [`apply`] under the fence of
//!   [`checkpoint`], and sets aside what cannot be applied by [`dead_letters`].
//! - [`lag`] is how far partitions are behind, for figures.
//! - [`trouble`] is what interrupts that loop, and [`retry`] when it goes on.

mod apply;
mod assignment;
mod checkpoint;
mod dead_letters;
mod fetch;
pub(crate) mod gaps;
mod intake;
mod lag;
mod lease;
mod pace;
mod partition;
mod retry;
mod share;
pub(crate) mod trouble;

use std::{sync::Arc, time::Duration};

use edge::Tasks;
use events::{EventId, Log, Partition};
use sqlx::PgPool;

use self::{assignment::Assignment, pace::Pace};
use crate::{Config, metrics::Labels, projection::Registered, versions::VersionName};

/// What all partitions of one process share.
pub(crate) struct Runner {
    projections: Vec<Arc<Registered>>,
    log: Log,
    pool: PgPool,
    tasks: Tasks,
    /// Of this run of this process: who comes back after a pause finds out by it whether its partitions are still its own.
    worker_id: String,
    limits: BatchLimits,
    pace: Pace,
}

/// How large a batch gets, and how long it waits for more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    events: usize,
    linger: Duration,
}

/// One partition of one version: the unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Slot {
    version: VersionName,
    partition: Partition,
}

impl Slot {
    /// Its partition, as the database names it.
    fn partition_name(&self) -> String {
        self.partition.to_string()
    }

    fn labels(&self) -> Labels {
        Labels::new(self.version.projection, self.version.version, &self.partition_name())
    }
}

impl Runner {
    pub(crate) fn new(projections: Vec<Registered>, config: &Config, log: &Log, pool: &PgPool, tasks: &Tasks) -> Self {
        Self {
            projections: projections.into_iter().map(Arc::new).collect(),
            log: log.clone(),
            pool: pool.clone(),
            tasks: tasks.clone(),
            worker_id: EventId::generate().to_string(),
            limits: BatchLimits {
                events: config.projector_batch_events.get(),
                linger: Duration::from_millis(config.projector_batch_linger_ms),
            },
            pace: Pace::new(),
        }
    }
}

/// Runs until the tasks drain; returns when every partition has finished its batch and is free for others.
pub(crate) async fn run(runner: Runner) {
    Assignment::new(Arc::new(runner)).run().await;
}
