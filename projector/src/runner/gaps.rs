//! Sequences that are missing from a partition: erased, or lost.
//!
//! An erasure names what it removes in a tombstone, which stands later in the partition than what it names. So on a gap the
//! tombstones ahead are read before it is called a loss. A tombstone can itself be erased by a later one, which then names
//! what the earlier one named: reading once more finds it. A loss that an operator accepted (`crate::losses`) is accounted
//! for as well.

use std::collections::BTreeMap;

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::{RawMessageErrorKind, Stream},
};
use events::{
    Log, LogEvent, Partition, Recorded, Timestamp,
    log::next_fetched,
    visitor::{SequenceRange, VisitorEvent},
};

use super::trouble::{Alarm, Trouble};

/// How often the tombstones are read before a gap is a loss.
const READINGS: usize = 3;
const TOMBSTONE: &[u8] = b"diagent.visitor.erased";
const FETCH: usize = 1_000;

/// What is known to have been erased from one partition.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    /// First to last, disjoint.
    ranges: BTreeMap<u64, u64>,
    /// Tombstones up to here have been read.
    read_to: u64,
}

impl Erased {
    /// Returns when all of `gap` is known to be erased.
    ///
    /// # Errors
    /// The partition lost events, or an event of the gap stands in the log after all.
    pub(crate) async fn explain(&mut self, log: &Log, partition: Partition, gap: SequenceRange) -> Result<(), Trouble> {
        for reading in 1.. {
            let Some(missing) = self.unexplained(gap).into_iter().next() else {
                break;
            };
            let stream = log.stream(partition).await?;
            if stored_at(&stream, missing.first).await?.is_some() {
                return Err(Trouble::Undelivered(missing.first));
            }
            if reading > READINGS || partition == Partition::Control {
                return Err(Trouble::Halt(Alarm::Lost {
                    partition,
                    range: missing,
                }));
            }
            // The second reading also goes over what the first one read: a tombstone may have moved behind it.
            let from = if reading == 1 { self.read_to + 1 } else { 1 };
            self.read_tombstones(log, partition, from.max(gap.first)).await?;
        }
        Ok(())
    }

    /// Forgets what lies behind `sequence`.
    pub(crate) fn passed(&mut self, sequence: u64) {
        self.ranges.retain(|_, last| *last > sequence);
    }

    /// Notes that `range` is accounted for.
    pub(super) fn add(&mut self, SequenceRange { first, last }: SequenceRange) {
        let (mut first, mut last) = (first, last);
        while let Some((start, end)) = self.touching(first, last) {
            self.ranges.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.ranges.insert(first, last);
    }

    fn touching(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=last.saturating_add(1)).next_back()?;
        (end.saturating_add(1) >= first).then_some((*start, *end))
    }

    /// The parts of `gap` that no tombstone named.
    fn unexplained(&self, gap: SequenceRange) -> Vec<SequenceRange> {
        let mut left = Vec::new();
        let mut next = gap.first;
        let before = self.ranges.range(..=gap.first).next_back();
        let within = self
            .ranges
            .range(gap.first.saturating_add(1)..=gap.last.max(gap.first.saturating_add(1)));
        for (first, last) in before.into_iter().chain(within) {
            if *first > gap.last {
                break;
            }
            if *first > next {
                left.push(SequenceRange {
                    first: next,
                    last: first - 1,
                });
            }
            next = next.max(last.saturating_add(1));
        }
        if next <= gap.last {
            left.push(SequenceRange {
                first: next,
                last: gap.last,
            });
        }
        left
    }

    async fn read_tombstones(&mut self, log: &Log, partition: Partition, from: u64) -> Result<(), Trouble> {
        let attempted = "look for erasures";
        let end = log.last_sequence(partition).await?;
        let stream = log.stream(partition).await?;
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
            ack_policy: AckPolicy::None,
            filter_subject: format!("evt.{partition}.visitor.>"),
            memory_storage: true,
            inactive_threshold: std::time::Duration::from_secs(30),
            ..pull::Config::default()
        };
        let mut consumer = stream
            .create_consumer(config)
            .await
            .map_err(Trouble::request(attempted))?;
        let mut left = consumer.info().await.map_err(Trouble::request(attempted))?.num_pending;
        while left > 0 {
            let batch = consumer.fetch().max_messages(FETCH).messages().await;
            let mut batch = batch.map_err(Trouble::request(attempted))?;
            let mut read = 0;
            while let Some(message) = next_fetched(&mut batch).await.map_err(Trouble::request(attempted))? {
                read += 1;
                if message
                    .payload
                    .windows(TOMBSTONE.len())
                    .any(|window| window == TOMBSTONE)
                    && let Ok(Recorded {
                        event: LogEvent::Visitor(VisitorEvent::Erased { removed, .. }),
                        ..
                    }) = Recorded::from_message(&message)
                {
                    for range in removed {
                        self.add(range);
                    }
                }
            }
            left = if read == 0 { 0 } else { left.saturating_sub(read) };
        }
        self.read_to = self.read_to.max(end);
        Ok(())
    }
}

/// When the event was stored, if the log holds it, by its leader's word.
pub(super) async fn stored_at(stream: &Stream<()>, sequence: u64) -> Result<Option<Timestamp>, Trouble> {
    // Sequences begin at 1, and a server takes a question for 0 for a mistake.
    if sequence == 0 {
        return Ok(None);
    }
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(message.time.into())),
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(Trouble::request("look for an event")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_tombstone_named_is_left() {
        let erased = erased(&[(3, 4), (8, 9), (20, 30)]);
        assert_eq!(left(&erased, 1, 10), [(1, 2), (5, 7), (10, 10)]);
        assert_eq!(left(&erased, 3, 4), []);
        assert_eq!(left(&erased, 4, 4), []);
        assert_eq!(left(&erased, 9, 21), [(10, 19)]);
        assert_eq!(left(&erased, 22, 25), []);
        assert_eq!(left(&erased, 31, 31), [(31, 31)]);
    }

    #[test]
    fn neighbours_become_one_and_what_is_passed_is_forgotten() {
        let mut erased = erased(&[(5, 6), (1, 2), (3, 4), (9, 9)]);
        assert_eq!(erased.ranges, BTreeMap::from([(1, 6), (9, 9)]));
        erased.passed(6);
        assert_eq!(erased.ranges, BTreeMap::from([(9, 9)]));
    }

    fn erased(ranges: &[(u64, u64)]) -> Erased {
        let mut erased = Erased::default();
        for &(first, last) in ranges {
            erased.add(SequenceRange { first, last });
        }
        erased
    }

    fn left(erased: &Erased, first: u64, last: u64) -> Vec<(u64, u64)> {
        erased
            .unexplained(SequenceRange { first, last })
            .into_iter()
            .map(|range| (range.first, range.last))
            .collect()
    }
}
