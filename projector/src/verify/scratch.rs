//! The second fold: a projection's tables once more, as temporary ones, filled from the log by one connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use backon::{ExponentialBuilder, Retryable as _};
use events::{Partition, Position, Recorded, Subject, log::next_fetched, visitor::SequenceRange};
use sqlx::{Acquire as _, PgConnection};

use super::{Compared, Progress, Standing, VerifyError};
use crate::{Registered, Stores, runner::gaps::Erased};

/// Events in one transaction.
const BATCH: usize = 1_000;
/// A consumer that is not asked for so long goes by itself.
const CONSUMER_LIFETIME: Duration = Duration::from_mins(1);
/// A server that refuses is asked again after this, and then after longer ones.
const FETCH_PAUSE: Duration = Duration::from_millis(100);

/// Temporary tables belong to whoever is connected: those of an earlier try on this connection are dropped first.
const EMPTY: &str = "DISCARD TEMP";
const OPEN: &str = "SET search_path = pg_temp, public";

type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// The temporary tables, and how far the log is folded into them.
pub(super) struct Scratch<'a> {
    projection: &'a Registered,
    stores: &'a Stores,
    progress: Report<'a>,
    folded: BTreeMap<Partition, Folded>,
    /// What was met and not folded, because the version had set it aside.
    left_out: BTreeSet<Position>,
}

#[derive(Default)]
struct Folded {
    sequence: u64,
    /// Events up to there that the log has no more.
    missing: u64,
    erased: Erased,
}

impl<'a> Scratch<'a> {
    /// Makes the tables, empty.
    pub(super) async fn make(
        connection: &mut PgConnection,
        projection: &'a Registered,
        stores: &'a Stores,
        progress: Report<'a>,
    ) -> Result<Self, VerifyError> {
        for sql in [EMPTY, OPEN, projection.schema] {
            sqlx::raw_sql(sql).execute(&mut *connection).await?;
        }
        Ok(Self {
            projection,
            stores,
            progress,
            folded: BTreeMap::new(),
            left_out: BTreeSet::new(),
        })
    }

    /// Events between here and `standing`.
    pub(super) fn missing(&self, standing: &Standing) -> u64 {
        let checkpoints = standing.checkpoints.iter();
        checkpoints
            .map(|(partition, sequence)| sequence.saturating_sub(self.sequence(*partition)))
            .sum()
    }

    /// Whether something was left out that is not set aside any more.
    pub(super) fn left_out_too_much(&self, standing: &Standing) -> bool {
        !self.left_out.is_subset(&standing.left_out)
    }

    fn sequence(&self, partition: Partition) -> u64 {
        self.folded.get(&partition).map_or(0, |folded| folded.sequence)
    }

    /// How many events erasures have taken that would have been folded: of `partition`, or of all where rows do not say which.
    pub(super) fn erased(&self, partition: Option<Partition>) -> u64 {
        match partition {
            Some(partition) => self.folded.get(&partition).map_or(0, |folded| folded.missing),
            None => self.folded.values().map(|folded| folded.missing).sum(),
        }
    }

    pub(super) fn compared(&self) -> Vec<Compared> {
        let folded = self.folded.iter();
        folded
            .map(|(partition, folded)| Compared {
                partition: *partition,
                sequence: folded.sequence,
                erased: folded.missing,
            })
            .collect()
    }

    /// Folds the log up to exactly where `standing` is.
    pub(super) async fn fold(&mut self, connection: &mut PgConnection, standing: &Standing) -> Result<(), VerifyError> {
        for (partition, to) in &standing.checkpoints {
            let last = self.stores.log.last_sequence(*partition).await?;
            if last < *to {
                return Err(VerifyError::Halted(format!(
                    "partition {partition} ends at {last}, and the version has read up to {to}"
                )));
            }
            let mut folded = self.folded.remove(partition).unwrap_or_default();
            self.fold_partition(connection, (*partition, *to), &mut folded, standing)
                .await?;
            self.folded.insert(*partition, folded);
        }
        Ok(())
    }

    async fn fold_partition(
        &mut self,
        connection: &mut PgConnection,
        (partition, to): (Partition, u64),
        folded: &mut Folded,
        standing: &Standing,
    ) -> Result<(), VerifyError> {
        if folded.sequence >= to {
            return Ok(());
        }
        let consumer = self.consumer(partition, folded.sequence + 1).await?;
        while folded.sequence < to {
            let messages = fetch(&consumer, to).await?;
            let mut batch = Vec::new();
            for (sequence, message) in &messages {
                self.pass(partition, *sequence - 1, folded).await?;
                folded.sequence = *sequence;
                batch.extend(self.wanted(message, partition, *sequence, standing)?);
            }
            self.apply(connection, partition, &batch).await?;
            if messages.is_empty() {
                self.pass(partition, to, folded).await?;
            }
            let others: u64 = self.folded.values().map(|folded| folded.sequence).sum();
            (self.progress)(Progress {
                done: others + folded.sequence,
                total: standing.checkpoints.values().sum(),
            });
        }
        Ok(())
    }

    /// Goes past what is missing up to `to`, if erasures explain it.
    async fn pass(&self, partition: Partition, to: u64, folded: &mut Folded) -> Result<(), VerifyError> {
        if to <= folded.sequence {
            return Ok(());
        }
        let gap = SequenceRange {
            first: folded.sequence + 1,
            last: to,
        };
        folded.erased.explain(&self.stores.log, partition, gap).await?;
        folded.missing += to - folded.sequence;
        folded.sequence = to;
        folded.erased.passed(to);
        Ok(())
    }

    fn wanted(
        &mut self,
        message: &Message,
        partition: Partition,
        sequence: u64,
        standing: &Standing,
    ) -> Result<Option<Recorded>, VerifyError> {
        let position = Position { partition, sequence };
        let subject = message.subject.parse::<Subject>();
        if !subject.is_ok_and(|subject| self.projection.reads(subject.category())) {
            return Ok(None);
        }
        if standing.left_out.contains(&position) {
            self.left_out.insert(position);
            return Ok(None);
        }
        Recorded::from_message(message)
            .map(Some)
            .map_err(|source| VerifyError::Unreadable {
                position,
                source: Box::new(source),
            })
    }

    async fn apply(
        &self,
        connection: &mut PgConnection,
        partition: Partition,
        batch: &[Recorded],
    ) -> Result<(), VerifyError> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        let mut transaction = connection.begin().await?;
        self.projection
            .apply(&mut transaction, batch)
            .await
            .map_err(|source| VerifyError::Apply {
                partition,
                first: first.position.sequence,
                last: last.position.sequence,
                source,
            })?;
        transaction.commit().await?;
        Ok(())
    }

    async fn consumer(&self, partition: Partition, start_sequence: u64) -> Result<PullConsumer, VerifyError> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            inactive_threshold: CONSUMER_LIFETIME,
            ..pull::Config::default()
        };
        let stream = self.stores.log.stream(partition).await?;
        stream
            .create_consumer(config)
            .await
            .map_err(VerifyError::request("open a consumer"))
    }

    /// The place of an erasure that the log holds after what was folded, if there is one.
    pub(super) async fn erasure_ahead(&self) -> Result<Option<Position>, VerifyError> {
        for (partition, folded) in &self.folded {
            if *partition == Partition::Control {
                continue;
            }
            let end = self.stores.log.last_sequence(*partition).await?;
            let mut next = folded.sequence + 1;
            let consumer = self.consumer(*partition, next).await?;
            while next <= end {
                let messages = fetch(&consumer, end).await?;
                for (sequence, message) in &messages {
                    next = sequence + 1;
                    if is_erasure(message) {
                        return Ok(Some(Position {
                            partition: *partition,
                            sequence: *sequence,
                        }));
                    }
                }
                if messages.is_empty() {
                    break;
                }
            }
        }
        Ok(None)
    }
}

fn is_erasure(message: &Message) -> bool {
    use events::{LogEvent, visitor::VisitorEvent};
    let is_visitors = message
        .subject
        .parse::<Subject>()
        .is_ok_and(|subject| subject.category() == events::Category::Visitor);
    is_visitors
        && Recorded::from_message(message)
            .is_ok_and(|recorded| matches!(recorded.event, LogEvent::Visitor(VisitorEvent::Erased { .. })))
}

/// The next messages up to `to`, with their sequences; none when there are no more. A server of a cluster may not know yet where
/// a consumer is that was just made, and refuses: then it is asked again.
async fn fetch(consumer: &PullConsumer, to: u64) -> Result<Vec<(u64, Message)>, VerifyError> {
    (|| fetch_once(consumer, to))
        .retry(ExponentialBuilder::default().with_min_delay(FETCH_PAUSE))
        .await
}

async fn fetch_once(consumer: &PullConsumer, to: u64) -> Result<Vec<(u64, Message)>, VerifyError> {
    let attempted = "read a partition";
    let fetch = consumer.fetch().max_messages(BATCH).messages().await;
    let mut messages = fetch.map_err(VerifyError::request(attempted))?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(message) = next_fetched(&mut messages)
        .await
        .map_err(VerifyError::request(attempted))?
    {
        let sequence = message.info().map_err(VerifyError::request(attempted))?.stream_sequence;
        if sequence <= to {
            batch.push((sequence, message));
        }
    }
    Ok(batch)
}
