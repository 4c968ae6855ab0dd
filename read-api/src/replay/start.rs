//! Where a replay begins, where it ends, and what it leaves out.

use std::{collections::BTreeSet, sync::LazyLock};

use async_nats::jetstream::consumer::DeliverPolicy;
use edge::BadInput;
use events::{AgentId, Log, Partition, Position, WorkspaceId};
use serde::Deserialize;
use time::OffsetDateTime;

use super::cursor::{self, Cursor};
use crate::{error::ApiError, queries::parse_time};

/// So many erased events in a row are stepped over, one request each; beyond that other partitions are read from the start.
const ERASED_MAX: usize = 1_000;

/// The types of all events that this binary knows; making their schemas for each request would be work for nothing.
static KINDS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| events::schema::all().into_keys().map(|(kind, _)| kind).collect());

/// Which events, as a caller of the API or of `diagent replay` says it.
#[derive(Debug, Clone, Default, Deserialize, clap::Args, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only what comes after this `cursor` of a line, which resumes exactly, or after one `position`
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Only what was stored at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Only what was stored before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// The log as it was at this time (RFC 3339), or when it held this position or cursor and nothing after it
    #[arg(long, value_name = "TIME|POSITION")]
    pub as_of: Option<String>,
    /// Only of this agent
    #[arg(long = "agent", value_name = "ID")]
    pub agent_id: Option<AgentId>,
    /// Only of this type; a `*` at the end stands for anything
    #[arg(long = "type", value_name = "TYPE")]
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub kind: Option<String>,
    /// Go on with what happens from now on
    #[arg(long)]
    #[serde(default)]
    #[param(required = false)]
    pub follow: bool,
}

/// An event's place in the order of the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When it was stored.
    pub(crate) stored_at: OffsetDateTime,
    /// Where it stands.
    pub position: Position,
}

/// What was asked for, checked against the log.
#[derive(Debug, Clone)]
pub struct Wanted {
    after: Place,
    until: Option<Place>,
    from: Option<OffsetDateTime>,
    to: Option<OffsetDateTime>,
    pub(super) agent_id: Option<AgentId>,
    pub(super) workspace_id: Option<WorkspaceId>,
    pub(super) kind: Option<KindPattern>,
    pub(super) follow: bool,
}

/// A place in the log: of each partition all up to it, and nothing else.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// What was stored up to and including this time.
    Time(OffsetDateTime),
    /// This event and what was stored before it.
    Event(Key),
    /// Of each partition everything up to and including this sequence.
    Each(Cursor),
}

/// `diagent.message.posted`, or `diagent.message.*`.
#[derive(Debug, Clone)]
pub(super) enum KindPattern {
    Exactly(String),
    Beginning(String),
}

impl Wanted {
    /// Checks `filter`; with `workspace_id` only what belongs to that workspace is wanted.
    ///
    /// # Errors
    /// A field is wrong, or the log cannot be read.
    pub async fn resolve(log: &Log, filter: &Filter, workspace_id: Option<WorkspaceId>) -> Result<Self, ApiError> {
        if filter.follow && (filter.to.is_some() || filter.as_of.is_some()) {
            return Err(BadInput::invalid("follow", "it has no end: leave out to and as_of").into());
        }
        let beginning = Place::Each(Cursor::beginning(log.partitions()));
        Ok(Self {
            after: match &filter.after {
                Some(text) => Place::position("after", text, log).await?,
                None => beginning,
            },
            until: match &filter.as_of {
                Some(text) => Some(Place::parse("as_of", text, log).await?),
                None => None,
            },
            from: parse_time("from", filter.from.as_deref())?,
            to: parse_time("to", filter.to.as_deref())?,
            agent_id: filter.agent_id,
            workspace_id,
            kind: filter.kind.clone().map(KindPattern::parse).transpose()?,
            follow: filter.follow,
        })
    }

    /// From where `partition` has to be read; what is read too much is left out by [`Self::is_before_start`].
    pub(super) fn deliver_policy(&self, partition: Partition) -> DeliverPolicy {
        match (&self.after, self.from) {
            (Place::Each(cursor), _) if cursor.of(partition) > 0 => DeliverPolicy::ByStartSequence {
                start_sequence: cursor.of(partition) + 1,
            },
            (Place::Event(key), _) if key.position.partition == partition => DeliverPolicy::ByStartSequence {
                start_sequence: key.position.sequence + 1,
            },
            (Place::Event(Key { stored_at: time, .. }) | Place::Time(time), from) => DeliverPolicy::ByStartTime {
                start_time: from.map_or(*time, |from| from.max(*time)),
            },
            (Place::Each(_), Some(from)) => DeliverPolicy::ByStartTime { start_time: from },
            (Place::Each(_), None) => DeliverPolicy::All,
        }
    }

    /// The sequence that the reader has of `partition`, where it was said.
    pub(super) fn has(&self, partition: Partition) -> u64 {
        match &self.after {
            Place::Each(cursor) => cursor.of(partition),
            Place::Event(Key { position, .. }) if position.partition == partition => position.sequence,
            Place::Event(_) | Place::Time(_) => 0,
        }
    }

    /// Whether the event at `key` comes before what is wanted of its partition.
    pub(super) fn is_before_start(&self, key: Key) -> bool {
        self.after.covers(key) || self.from.is_some_and(|from| key.stored_at < from)
    }

    /// Whether the event at `key`, and all after it in its partition, come after what is wanted.
    pub(super) fn is_after_end(&self, key: Key) -> bool {
        self.to.is_some_and(|to| key.stored_at >= to) || self.until.as_ref().is_some_and(|until| !until.covers(key))
    }
}

impl Place {
    /// Reads a time, `3:1042`, or a cursor.
    pub(crate) async fn parse(field: &str, text: &str, log: &Log) -> Result<Self, ApiError> {
        match parse_time(field, Some(text)) {
            Ok(Some(time)) => Ok(Self::Time(time)),
            _ if text.contains(':') => Self::position(field, text, log).await,
            _ => Err(BadInput::invalid(
                field,
                "it must be a time such as 2026-05-07T13:00:00Z, or a position such as 3:1042",
            )
            .into()),
        }
    }

    /// Reads `3:1042`, or a cursor.
    async fn position(field: &str, text: &str, log: &Log) -> Result<Self, ApiError> {
        let positions = cursor::positions(field, text, log.partitions())?;
        for position in &positions {
            if position.sequence > log.last_sequence(position.partition).await? {
                return Err(BadInput::invalid(field, format!("the log has no position {position} yet")).into());
            }
        }
        match positions[..] {
            [one] if one.sequence > 0 => Ok(Self::Event(Self::event(log, one).await?)),
            _ => Ok(Self::Each(Cursor::after(&positions, log.partitions()))),
        }
    }

    /// The time of the event at `position`. When it was erased since, that of the last one before it that still stands:
    /// then nothing is lost, and a few events of other partitions may come again.
    async fn event(log: &Log, position: Position) -> Result<Key, ApiError> {
        let stream = log.stream(position.partition).await?;
        for sequence in (1..=position.sequence).rev().take(ERASED_MAX) {
            if let Ok(message) = stream.direct_get(sequence).await {
                return Ok(Key {
                    stored_at: message.time,
                    position,
                });
            }
        }
        Ok(Key {
            stored_at: OffsetDateTime::UNIX_EPOCH,
            position,
        })
    }

    /// Whether the event at `key` is at this place or before it. Within a partition only sequences count: its server's clock
    /// may have been set back.
    pub(crate) fn covers(&self, key: Key) -> bool {
        match self {
            Self::Time(time) => key.stored_at <= *time,
            Self::Event(Key { position, .. }) if position.partition == key.position.partition => {
                key.position.sequence <= position.sequence
            }
            Self::Event(seen) => key <= *seen,
            Self::Each(cursor) => key.position.sequence <= cursor.of(key.position.partition),
        }
    }
}

impl KindPattern {
    fn parse(text: String) -> Result<Self, BadInput> {
        let plain = text.strip_suffix('*').unwrap_or(&text);
        if plain.contains('*') {
            return Err(BadInput::invalid("type", "a * may only stand at the end"));
        }
        let pattern = if plain.len() < text.len() {
            Self::Beginning(plain.to_owned())
        } else {
            Self::Exactly(text)
        };
        if KINDS.iter().any(|kind| pattern.matches(kind)) {
            Ok(pattern)
        } else {
            Err(BadInput::invalid(
                "type",
                "no event has such a type; the schemas name all that there are",
            ))
        }
    }

    pub(super) fn matches(&self, kind: &str) -> bool {
        match self {
            Self::Exactly(exactly) => kind == exactly,
            Self::Beginning(beginning) => kind.starts_with(beginning),
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
        let exactly = KindPattern::parse("diagent.message.posted".to_owned()).expect("a type");
        assert!(exactly.matches("diagent.message.posted") && !exactly.matches("diagent.message.posted.late"));
        assert!(
            KindPattern::parse("diagent.message".to_owned()).is_err(),
            "no event has this type"
        );
    }

    fn key(seconds: i64, p: u16, sequence: u64) -> Key {
        Key {
            stored_at: OffsetDateTime::from_unix_timestamp(seconds).expect("a time"),
            position: Position {
                partition: Partition::Events(p),
                sequence,
            },
        }
    }

    #[test]
    fn one_position_is_a_place_in_all_partitions() {
        let place = Place::Event(key(10, 1, 5));
        assert!(place.covers(key(10, 1, 5)));
        assert!(!place.covers(key(10, 1, 6)));
        assert!(place.covers(key(10, 0, 99)), "the same time, an earlier partition");
        assert!(!place.covers(key(10, 2, 1)), "the same time, a later partition");
        assert!(!place.covers(key(11, 0, 1)));
    }

    #[test]
    fn a_clock_that_was_set_back_hides_nothing() {
        let place = Place::Event(key(10, 1, 5));
        assert!(!place.covers(key(9, 1, 6)), "it comes later in its partition");
        assert!(place.covers(key(11, 1, 4)));
    }
}
