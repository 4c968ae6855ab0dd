//! The loop of one partition of one version: from the log to the rows, until it is told to stop or loses the partition.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::Message;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Runner, Slot,
    apply::Applier,
    checkpoint::{self, Checkpoint},
    dead_letters,
    fetch::{self, Feed},
    gaps::{self, Erased},
    intake::{Intake, Place},
    lease,
    retry::Backoff,
    trouble::{Alarm, Trouble, in_time},
};
use crate::{losses, metrics::Labels, projection::Registered};

/// An alarm is believed when it was raised so often in a row, over some ten seconds, where servers lag or may not know yet that
/// another one leads.
const CONFIRMATIONS: u32 = 8;

/// What is seen of the loop from outside, for figures.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

impl Progress {
    fn at(&self, sequence: u64) {
        self.0.store(sequence, Ordering::Relaxed);
    }

    /// The last sequence that is applied.
    pub(super) fn sequence(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One partition in this worker's hands.
pub(super) struct PartitionLoop {
    applier: Applier,
    labels: Labels,
    progress: Arc<Progress>,
    /// Rung when an operator wants something done with dead letters.
    bell: Arc<Notify>,
    /// The last sequence that is applied.
    sequence: u64,
    blocked: BTreeSet<String>,
    erased: Erased,
    backoff: Backoff,
}

impl PartitionLoop {
    pub(super) fn new(
        runner: Arc<Runner>,
        projection: Arc<Registered>,
        (slot, epoch): (Slot, i64),
        progress: Arc<Progress>,
        bell: Arc<Notify>,
    ) -> Self {
        Self {
            labels: slot.labels(),
            applier: Applier {
                runner,
                projection,
                slot,
                epoch,
                attempt: 1,
                tries: 1,
            },
            progress,
            bell,
            sequence: 0,
            blocked: BTreeSet::new(),
            erased: Erased::default(),
            backoff: Backoff::new(),
        }
    }

    /// Runs until `stop`, then lets the partition go.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        self.labels.owned(true);
        loop {
            let Err(trouble) = self.follow(&stop).await else {
                self.release().await;
                break;
            };
            match trouble {
                Trouble::Fenced => {
                    tracing::info!(slot = %self.name(), "the partition went to another worker");
                    break;
                }
                Trouble::Halt(alarm) if self.is_certain() => {
                    self.halt(&alarm).await;
                    break;
                }
                trouble => {
                    let wait = self.backoff.failed();
                    self.report(&trouble, wait);
                    if tokio::time::timeout(wait, stop.cancelled()).await.is_ok() {
                        self.release().await;
                        break;
                    }
                }
            }
        }
        self.labels.owned(false);
    }

    /// Whether an alarm is to be believed: not before it was raised several times in a row, where servers lag.
    fn is_certain(&self) -> bool {
        !self.applier.runner.log.may_lag() || self.backoff.attempt() >= CONFIRMATIONS
    }

    fn name(&self) -> String {
        self.applier.slot.version.consumer(self.applier.slot.partition)
    }

    /// Logs the trouble, without texts of the database: they may quote what a visitor wrote.
    fn report(&self, trouble: &Trouble, wait: Duration) {
        self.labels.retried();
        let cause = match trouble {
            Trouble::Database(sqlx::Error::Database(error)) => error.code().map(std::borrow::Cow::into_owned),
            trouble => std::error::Error::source(trouble).map(ToString::to_string),
        };
        tracing::warn!(
            slot = %self.name(),
            error = %trouble,
            cause = cause.as_deref(),
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "a partition is interrupted"
        );
    }

    async fn release(&self) {
        let Applier {
            runner, slot, epoch, ..
        } = &self.applier;
        if let Err(error) = in_time(lease::release(&runner.pool, &runner.worker_id, slot, *epoch)).await {
            // Whoever looks next finds a partition without a loop, and lets it go then.
            tracing::debug!(slot = %self.name(), %error, "a partition could not be let go");
        }
    }

    async fn halt(&self, alarm: &Alarm) {
        let Applier {
            runner, slot, epoch, ..
        } = &self.applier;
        tracing::error!(slot = %self.name(), reason = %alarm, "a partition is halted until an operator resumes it");
        self.labels.halted(true);
        let reason = alarm.to_string();
        let noted = checkpoint::halt(&runner.pool, (slot, *epoch), runner.log.identity(), &reason);
        if let Err(error) = in_time(noted).await {
            tracing::warn!(slot = %self.name(), %error, "the halt could not be noted");
        }
    }

    /// From the checkpoint on.
    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        let mut feed = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            feed = in_time(self.open()) => feed?,
        };
        self.resolve().await?;
        let bell = Arc::clone(&self.bell);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = bell.notified() => self.resolve().await?,
                batch = feed.next() => self.project(&batch?).await?,
            }
        }
    }

    async fn open(&mut self) -> Result<Feed, Trouble> {
        let Applier {
            runner,
            projection,
            slot,
            epoch,
            ..
        } = &self.applier;
        let checkpoint = checkpoint::read(&runner.pool, slot, *epoch).await?;
        self.check_log(&checkpoint).await?;
        self.sequence = checkpoint.sequence;
        self.progress.at(self.sequence);
        for range in losses::accepted(&runner.pool, runner.log.identity(), slot.partition).await? {
            self.erased.add(range);
        }
        self.erased.passed(self.sequence);
        dead_letters::retry_unreadable(&runner.pool, slot).await?;
        self.blocked = dead_letters::blocked(&runner.pool, slot).await?;
        Feed::open(runner, (projection, slot), checkpoint.sequence).await
    }

    /// Whether the checkpoint is a place in the log that stands on the server now.
    async fn check_log(&self, checkpoint: &Checkpoint) -> Result<(), Trouble> {
        let Applier { runner, slot, .. } = &self.applier;
        let log = &runner.log;
        let connected = log.identity().log_id.to_string();
        let expected = checkpoint.log_id.clone().unwrap_or_else(|| connected.clone());
        let standing = log.standing_log_id().await?;
        let found = standing.map_or_else(|| "without an id".to_owned(), |log_id| log_id.to_string());
        if expected != found || connected != found {
            return Err(Trouble::Halt(Alarm::ForeignLog { expected, found }));
        }
        let last = log.last_sequence(slot.partition).await?;
        if last < checkpoint.sequence {
            let checkpoint = checkpoint.sequence;
            return Err(Trouble::Halt(Alarm::Shorter { checkpoint, last }));
        }
        // A log that was restored and went on has grown past the checkpoint, but not with the same events.
        let found = gaps::stored_at(&log.stream(slot.partition).await?, checkpoint.sequence).await?;
        if let (Some(expected), Some(found)) = (checkpoint.event_at, found)
            && expected != found
        {
            let checkpoint = checkpoint.sequence;
            return Err(Trouble::Halt(Alarm::Diverged { checkpoint }));
        }
        Ok(())
    }

    async fn resolve(&mut self) -> Result<(), Trouble> {
        in_time(self.applier.resolve(self.sequence, &mut self.blocked)).await
    }

    /// Applies one batch, up to whatever is wrong in it.
    async fn project(&mut self, messages: &[Message]) -> Result<(), Trouble> {
        let mut intake = Intake::after(self.sequence, messages.len());
        let taken = self.take_in(&mut intake, messages).await;
        if intake.last > self.sequence {
            self.apply(&intake).await?;
        }
        taken?;
        if let Some(last) = messages.last() {
            fetch::acknowledge(last).await?;
        }
        Ok(())
    }

    async fn take_in(&mut self, intake: &mut Intake, messages: &[Message]) -> Result<(), Trouble> {
        let Applier {
            runner,
            projection,
            slot,
            ..
        } = &self.applier;
        for message in messages {
            let info = message.info().map_err(Trouble::request("read a message's place"))?;
            match intake.place(info.stream_sequence) {
                Place::Behind => continue,
                Place::Next => {}
                Place::After(gap) => self.erased.explain(&runner.log, slot.partition, gap).await?,
            }
            intake.take((message, &info), slot.partition, projection, &mut self.blocked);
        }
        Ok(())
    }

    async fn apply(&mut self, intake: &Intake) -> Result<(), Trouble> {
        let started = Instant::now();
        self.applier.attempt = self.backoff.attempt();
        let committed = self.applier.commit(self.sequence, intake, &mut self.blocked).await;
        self.applier.tries = match &committed {
            Ok(()) => 1,
            Err(trouble) => self.applier.tries + u32::from(trouble.is_try()),
        };
        committed?;
        self.sequence = intake.last;
        self.erased.passed(self.sequence);
        self.backoff.worked();
        self.progress.at(self.sequence);
        self.labels.applied(intake.count, started.elapsed());
        Ok(())
    }
}
