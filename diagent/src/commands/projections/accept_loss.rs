//! `diagent projections accept-loss`

use anyhow::{Context as _, ensure};
use events::{Partition, visitor::SequenceRange};
use projector::losses;
use sqlx::PgPool;

use crate::print;

/// Let projections go on past events that are lost for good, in no replica and in no backup
#[derive(Debug, clap::Args)]
pub struct AcceptLoss {
    /// The partition, as the alarm names it
    partition: Partition,
    /// The first sequence that is lost
    first: u64,
    /// The last sequence that is lost
    last: u64,
}

impl AcceptLoss {
    /// Notes the loss, for all projections and for later rebuilds, and lets halted partitions go on.
    ///
    /// # Errors
    /// No projection is halted there, or the database cannot be reached.
    pub async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        let Self { partition, first, last } = self;
        ensure!(
            first > 0 && first <= last,
            "a loss is from a first sequence to a last one"
        );
        let resumed = losses::accept(pool, partition, SequenceRange { first, last })
            .await
            .context("the loss is not accepted")?;
        print::line(format!(
            "partition {partition}: {first} to {last} are accepted as lost, by rebuilds too; {resumed} partitions of projections \
             go on within a second"
        ));
        Ok(())
    }
}
