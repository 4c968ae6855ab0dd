//! Where a replay begins and what it leaves out.

use std::collections::HashMap;

use async_nats::jetstream::consumer::DeliverPolicy;
use edge::BadInput;
use events::{AgentId, Log, Partition, Position, WorkspaceId};
use time::OffsetDateTime;

use crate::error::ApiError;

/// So many erased events in a row are stepped over, one request each; beyond that other partitions are read from the start.
const ERASED_MAX: usize = 1_000;

/// An event's place in the order of the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) stored_at: OffsetDateTime,
    pub(super) position: Position,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) after: After,
    pub(super) from: Option<OffsetDateTime>,
    pub(super) to: Option<OffsetDateTime>,
    pub(super) agent_id: Option<AgentId>,
    pub(super) workspace_id: Option<WorkspaceId>,
    pub(super) kind: Option<KindPattern>,
}

/// What the reader has already.
#[derive(Debug, Clone)]
pub(super) enum After {
    Nothing,
    /// Everything up to and including this, in the order of the replay.
    One(Key),
    /// Of each partition everything up to and including this sequence.
    Each(HashMap<Partition, u64>),
}

/// `diagent.message.posted`, or `diagent.message.*`.
#[derive(Debug, Clone)]
pub(super) enum KindPattern {
    Exactly(String),
    Beginning(String),
}

impl KindPattern {
    pub(super) fn parse(text: String) -> Result<Self, BadInput> {
        let plain = text.strip_suffix('*').unwrap_or(&text);
        if plain.contains('*') {
            return Err(BadInput::invalid("type", "a * may only stand at the end"));
        }
        Ok(if plain.len() < text.len() {
            Self::Beginning(plain.to_owned())
        } else {
            Self::Exactly(text)
        })
    }

    pub(super) fn matches(&self, kind: &str) -> bool {
        match self {
            Self::Exactly(exactly) => kind == exactly,
            Self::Beginning(beginning) => kind.starts_with(beginning),
        }
    }
}

impl After {
    /// Reads `3:1042`, or `0:17,3:1042,control:7`.
    pub(super) async fn parse(log: &Log, text: Option<&str>) -> Result<Self, ApiError> {
        let Some(text) = text else { return Ok(Self::Nothing) };
        let wrong = |error: events::subject::InvalidPosition| BadInput::invalid("after", error.to_string());
        let positions: Vec<Position> = text
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(wrong)?;
        for Position { partition, .. } in &positions {
            if matches!(partition, Partition::Events(p) if *p >= log.partitions()) {
                return Err(BadInput::invalid("after", format!("there is no partition {partition}")).into());
            }
        }
        match positions[..] {
            [Position { sequence: 0, .. }] => Ok(Self::Nothing),
            [one] => Self::one(log, one).await,
            _ => Ok(Self::Each(
                positions
                    .into_iter()
                    .map(|position| (position.partition, position.sequence))
                    .collect(),
            )),
        }
    }

    /// The time of the event at `position`. When it was erased since, that of the last one before it that still stands:
    /// then nothing is lost, and a few events of other partitions may come again.
    async fn one(log: &Log, position: Position) -> Result<Self, ApiError> {
        if position.sequence > log.last_sequence(position.partition).await? {
            return Err(BadInput::invalid("after", "the log has no such position yet").into());
        }
        let stream = log.stream(position.partition).await?;
        for sequence in (1..=position.sequence).rev().take(ERASED_MAX) {
            if let Ok(message) = stream.direct_get(sequence).await {
                return Ok(Self::One(Key {
                    stored_at: message.time,
                    position,
                }));
            }
        }
        Ok(Self::One(Key {
            stored_at: OffsetDateTime::UNIX_EPOCH,
            position,
        }))
    }

    /// From where `partition` has to be read; what is read too much is left out by [`Self::is_before`].
    pub(super) fn deliver_policy(&self, partition: Partition, from: Option<OffsetDateTime>) -> DeliverPolicy {
        let from_time = || {
            from.map_or(DeliverPolicy::All, |start_time| DeliverPolicy::ByStartTime {
                start_time,
            })
        };
        match self {
            Self::Nothing => from_time(),
            Self::One(key) if key.position.partition == partition => DeliverPolicy::ByStartSequence {
                start_sequence: key.position.sequence + 1,
            },
            Self::One(key) => DeliverPolicy::ByStartTime {
                start_time: key.stored_at,
            },
            Self::Each(sequences) => match sequences.get(&partition) {
                Some(sequence) => DeliverPolicy::ByStartSequence {
                    start_sequence: sequence + 1,
                },
                None => from_time(),
            },
        }
    }

    /// Whether the reader does not have the event at `key` yet.
    pub(super) fn is_before(&self, key: Key) -> bool {
        match self {
            Self::Nothing => true,
            Self::One(seen) => *seen < key,
            Self::Each(sequences) => sequences
                .get(&key.position.partition)
                .is_none_or(|sequence| *sequence < key.position.sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_anything() {
        let pattern = KindPattern::parse("diagent.message.*".to_owned()).expect("a pattern");
        assert!(pattern.matches("diagent.message.posted"));
        assert!(!pattern.matches("diagent.lead.captured"));
        assert!(KindPattern::parse("diagent.*.posted".to_owned()).is_err());
        assert!(
            !KindPattern::parse("diagent.message".to_owned())
                .expect("a type")
                .matches("diagent.message.posted")
        );
    }

    #[test]
    fn one_position_is_a_place_in_all_partitions() {
        let key = |seconds, p, sequence| Key {
            stored_at: OffsetDateTime::from_unix_timestamp(seconds).expect("a time"),
            position: Position {
                partition: Partition::Events(p),
                sequence,
            },
        };
        let after = After::One(key(10, 1, 5));
        assert!(!after.is_before(key(10, 1, 5)));
        assert!(after.is_before(key(10, 1, 6)));
        assert!(!after.is_before(key(10, 0, 99)), "the same time, an earlier partition");
        assert!(after.is_before(key(10, 2, 1)), "the same time, a later partition");
        assert!(after.is_before(key(11, 0, 1)));
    }
}
