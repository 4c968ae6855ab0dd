//! One batch, one transaction: the checkpoint, the rows, the letters, all or nothing.
//!
//! A batch that fails because of its data is cut in halves within one transaction, each half under a savepoint, until the
//! event that fails is found. Projections do not depend on where a batch ends, so cutting is free of consequence.

use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use events::{LogEvent, Recorded, Subject, visitor::VisitorEvent};
use sqlx::{Acquire as _, PgConnection};

use super::{
    Runner, Slot,
    checkpoint::{self, Step},
    dead_letters::{self, Letter, visitor},
    intake::{Intake, unblock},
    trouble::{Alarm, Trouble, code},
};
use crate::projection::{Registered, Verdict};

/// A transaction that takes longer is given up, and its connection with it: nobody may be at its other end. Should it have
/// been a slow one, it has longer the next time.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_MAX: Duration = Duration::from_mins(1);

/// What is needed to write to one partition's rows.
pub(super) struct Applier {
    pub(super) runner: Arc<Runner>,
    pub(super) projection: Arc<Registered>,
    pub(super) slot: Slot,
    pub(super) epoch: i64,
    /// How often the partition was interrupted in a row, this time included.
    pub(super) attempt: u32,
    /// How often the batch was tried, this time included; an outage is no try.
    pub(super) tries: u32,
}

impl Applier {
    /// Applies `intake` from `from` on. `blocked` gains the subjects of events that are set aside here.
    pub(super) async fn commit(
        &self,
        from: u64,
        intake: &Intake,
        blocked: &mut BTreeSet<String>,
    ) -> Result<(), Trouble> {
        let patience = PATIENCE.saturating_mul(self.attempt).min(PATIENCE_MAX);
        tokio::time::timeout(patience, self.commit_or_isolate(from, intake, blocked))
            .await
            .map_err(|_| Trouble::TimedOut)?
    }

    async fn commit_or_isolate(
        &self,
        from: u64,
        intake: &Intake,
        blocked: &mut BTreeSet<String>,
    ) -> Result<(), Trouble> {
        match self.commit_whole(from, intake).await {
            Err(Trouble::Database(error)) => match self.projection.verdict(&error, self.tries) {
                Verdict::Retry => Err(error.into()),
                Verdict::Halt => Err(Trouble::Halt(Alarm::Unfit { code: code(&error) })),
                Verdict::DeadLetter => self.commit_isolating(from, intake, blocked).await,
            },
            outcome => outcome,
        }
    }

    fn step(from: u64, intake: &Intake) -> Step {
        Step {
            from,
            to: intake.last,
            pending: intake.pending,
            event_at: intake.last_stored_at,
        }
    }

    async fn commit_whole(&self, from: u64, intake: &Intake) -> Result<(), Trouble> {
        let Runner { log, pool, .. } = &*self.runner;
        let step = Self::step(from, intake);
        if intake.events.is_empty() && intake.letters.is_empty() {
            return checkpoint::advance(pool, &self.slot, self.epoch, log.identity(), step).await;
        }
        let mut transaction = pool.begin().await?;
        checkpoint::advance(&mut *transaction, &self.slot, self.epoch, log.identity(), step).await?;
        dead_letters::forget(&mut transaction, &self.slot, &intake.forgotten).await?;
        if !intake.events.is_empty() {
            self.projection.apply(&mut transaction, &intake.events).await?;
        }
        dead_letters::put(&mut transaction, &self.slot, &intake.letters, log.partitions()).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn commit_isolating(
        &self,
        from: u64,
        intake: &Intake,
        blocked: &mut BTreeSet<String>,
    ) -> Result<(), Trouble> {
        let Runner { log, pool, .. } = &*self.runner;
        let mut transaction = pool.begin().await?;
        let step = Self::step(from, intake);
        checkpoint::advance(&mut *transaction, &self.slot, self.epoch, log.identity(), step).await?;
        dead_letters::forget(&mut transaction, &self.slot, &intake.forgotten).await?;
        let mut letters = self.isolate(&mut transaction, &intake.events, &intake.payloads).await?;
        blocked.extend(letters.iter().map(|letter| letter.subject.text(log.partitions())));
        letters.extend(intake.letters.iter().cloned());
        dead_letters::put(&mut transaction, &self.slot, &letters, log.partitions()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Applies what can be applied of `events`; answers the rest as letters: those that fail, and those behind them.
    async fn isolate(
        &self,
        connection: &mut PgConnection,
        events: &[Recorded],
        payloads: &[Bytes],
    ) -> Result<Vec<Letter>, Trouble> {
        let partitions = self.runner.log.partitions();
        let mut letters: Vec<Letter> = Vec::new();
        let mut blocked: BTreeSet<String> = BTreeSet::new();
        let mut left: Vec<Range<usize>> = up_to_erasures(events);
        left.reverse();
        while let Some(range) = left.pop() {
            let is_blocked = |index: &usize| {
                !is_erasure(&events[*index]) && blocked.contains(&events[*index].subject.text(partitions))
            };
            let (waiting, chosen): (Vec<usize>, Vec<usize>) = range.clone().partition(is_blocked);
            let batch: Vec<Recorded> = chosen.iter().map(|index| events[*index].clone()).collect();
            let outcome = self.try_apply(connection, &batch).await?;
            if outcome.is_some() && batch.len() > 1 {
                let middle = range.start + range.len() / 2;
                left.extend([middle..range.end, range.start..middle]);
                continue;
            }
            letters.extend(
                waiting
                    .into_iter()
                    .map(|index| Letter::of(&events[index], &payloads[index], None)),
            );
            if let (Some(error), Some(index)) = (outcome, chosen.first()) {
                let letter = Letter::of(&events[*index], &payloads[*index], Some(error));
                self.report(&letter);
                blocked.insert(letter.subject.text(partitions));
                letters.push(letter);
            } else if let Some(erased) = batch.last().filter(|last| is_erasure(last)).map(|last| last.subject)
                && let Some(erased) = visitor(&erased)
            {
                letters.retain(|letter| letter.visitor() != Some(erased));
                unblock(&mut blocked, erased);
            }
        }
        Ok(letters)
    }

    /// Applies `batch` under a savepoint; answers what is wrong with its data, if that is what failed.
    async fn try_apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> Result<Option<String>, Trouble> {
        if batch.is_empty() {
            return Ok(None);
        }
        let mut savepoint = connection.begin().await?;
        match self.projection.apply(&mut savepoint, batch).await {
            Ok(()) => {
                savepoint.commit().await?;
                Ok(None)
            }
            Err(error) => {
                savepoint.rollback().await?;
                match self.projection.verdict(&error, self.tries) {
                    Verdict::DeadLetter => Ok(Some(error.to_string())),
                    Verdict::Retry => Err(error.into()),
                    Verdict::Halt => Err(Trouble::Halt(Alarm::Unfit { code: code(&error) })),
                }
            }
        }
    }

    fn report(&self, letter: &Letter) {
        tracing::error!(
            projection = self.slot.version.projection,
            version = self.slot.version.version,
            position = %letter.position,
            event_type = letter.event_type,
            "event set aside as a dead letter"
        );
    }

    /// Does what an operator wants done with letters. `blocked` loses the subjects that have none left.
    pub(super) async fn resolve(&self, at: u64, blocked: &mut BTreeSet<String>) -> Result<(), Trouble> {
        for text in dead_letters::requested(&self.runner.pool, &self.slot).await? {
            if let Ok(subject) = text.parse::<Subject>()
                && self.resolve_subject(at, (subject, &text)).await?
            {
                blocked.remove(&text);
            }
        }
        Ok(())
    }

    /// Answers whether no letter of the subject is left.
    async fn resolve_subject(&self, at: u64, (subject, text): (Subject, &str)) -> Result<bool, Trouble> {
        let Runner { log, pool, .. } = &*self.runner;
        let mut transaction = pool.begin().await?;
        checkpoint::advance(
            &mut *transaction,
            &self.slot,
            self.epoch,
            log.identity(),
            Step::none(at),
        )
        .await?;
        let Some(letters) = dead_letters::take(&mut transaction, &self.slot, (subject, text)).await? else {
            return Ok(false);
        };
        // Up to the first that still cannot be read; that one and what is behind it stay.
        let mut events = Vec::new();
        let mut unreadable = None;
        for letter in &letters {
            match letter.read() {
                Ok(recorded) => events.push(recorded),
                Err(error) => {
                    unreadable = Some(error);
                    break;
                }
            }
        }
        let payloads: Vec<Bytes> = letters.iter().map(|letter| letter.payload.clone()).collect();
        let mut left = self.isolate(&mut transaction, &events, &payloads).await?;
        let mut rest = letters[events.len()..].to_vec();
        if let (Some(first), Some(error)) = (rest.first_mut(), unreadable) {
            first.error = Some(error);
            first.unreadable = true;
        }
        left.extend(rest);
        for letter in &mut left {
            let before = letters.iter().find(|before| before.position == letter.position);
            letter.attempts = before.map_or(0, |before| before.attempts) + i32::from(letter.error.is_some());
        }
        dead_letters::put(&mut transaction, &self.slot, &left, log.partitions()).await?;
        transaction.commit().await?;
        tracing::info!(
            projection = self.slot.version.projection,
            applied = letters.len() - left.len(),
            left = left.len(),
            "dead letters tried again"
        );
        Ok(left.is_empty())
    }
}

/// Stretches of `events` that end at an erasure, or at the end.
fn up_to_erasures(events: &[Recorded]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut stretches = Vec::new();
    for (index, recorded) in events.iter().enumerate() {
        if is_erasure(recorded) || index + 1 == events.len() {
            stretches.push(start..index + 1);
            start = index + 1;
        }
    }
    stretches
}

fn is_erasure(recorded: &Recorded) -> bool {
    matches!(recorded.event, LogEvent::Visitor(VisitorEvent::Erased { .. }))
}
