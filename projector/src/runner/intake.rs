//! Sorting a batch of messages: what is for the projection, what it does not read, what cannot be read, what has to wait.

use std::collections::BTreeSet;

use async_nats::jetstream::{Message, message::Info};
use bytes::Bytes;
use events::{
    LogEvent, Partition, Position, Recorded, Subject, Timestamp,
    visitor::{SequenceRange, VisitorEvent},
};

use super::dead_letters::{Letter, Visitor, visitor};
use crate::projection::Registered;

/// A batch, sorted.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// For the projection, in order.
    pub(super) events: Vec<Recorded>,
    /// What the log holds of each of `events`.
    pub(super) payloads: Vec<Bytes>,
    /// Set aside: unreadable, or behind a letter.
    pub(super) letters: Vec<Letter>,
    /// Visitors whose letters go.
    pub(super) forgotten: Vec<Visitor>,
    /// The last sequence that was taken in.
    pub(super) last: u64,
    /// Events taken in, of whatever category.
    pub(super) count: usize,
    /// Events that the log holds after the last one.
    pub(super) pending: u64,
    pub(super) first_stored_at: Option<Timestamp>,
    pub(super) last_stored_at: Option<Timestamp>,
}

/// What a message is to a batch under way.
pub(super) enum Place {
    /// It was read before.
    Behind,
    Next,
    /// These are missing before it.
    After(SequenceRange),
}

impl Intake {
    /// Nothing yet, after `last`, and room for `count` events.
    pub(super) fn after(last: u64, count: usize) -> Self {
        Self {
            events: Vec::with_capacity(count),
            payloads: Vec::with_capacity(count),
            last,
            ..Self::default()
        }
    }

    /// Where `sequence` stands.
    pub(super) const fn place(&self, sequence: u64) -> Place {
        if sequence <= self.last {
            Place::Behind
        } else if sequence == self.last + 1 {
            Place::Next
        } else {
            Place::After(SequenceRange {
                first: self.last + 1,
                last: sequence - 1,
            })
        }
    }

    /// Takes one message in, with what the log says of it. `blocked` are the subjects that have letters.
    pub(super) fn take(
        &mut self,
        (message, info): (&Message, &Info<'_>),
        partition: Partition,
        projection: &Registered,
        blocked: &mut BTreeSet<String>,
    ) {
        let stored_at = Timestamp::from(info.published);
        let position = Position {
            partition,
            sequence: info.stream_sequence,
        };
        self.last = info.stream_sequence;
        self.pending = info.pending;
        self.count += 1;
        self.first_stored_at.get_or_insert(stored_at);
        self.last_stored_at = Some(stored_at);
        // A category that this binary does not know is none of this projection's.
        if !projection.reads_subject(&message.subject) {
            return;
        }
        let Ok(subject) = message.subject.parse::<Subject>() else {
            return;
        };
        match Recorded::from_payload((position, subject), stored_at, &message.payload) {
            Ok(recorded) => self.event(recorded, message, blocked),
            Err(error) => {
                let letter = Letter::unreadable((position, subject), stored_at, &message.payload, &error);
                self.letters.push(letter);
                blocked.insert(message.subject.to_string());
            }
        }
    }

    fn event(&mut self, recorded: Recorded, message: &Message, blocked: &mut BTreeSet<String>) {
        if let (Some(erased), LogEvent::Visitor(VisitorEvent::Erased { .. })) =
            (visitor(&recorded.subject), &recorded.event)
        {
            // An erasure waits for nothing, and nothing of the visitor is left to wait.
            self.letters.retain(|letter| letter.visitor() != Some(erased));
            unblock(blocked, erased);
            self.forgotten.push(erased);
        } else if blocked.contains(message.subject.as_str()) {
            self.letters.push(Letter::of(&recorded, &message.payload, None));
            return;
        }
        self.events.push(recorded);
        self.payloads.push(message.payload.clone());
    }
}

/// Forgets the subjects of an erased visitor.
pub(super) fn unblock(blocked: &mut BTreeSet<String>, erased: Visitor) {
    blocked.retain(|text| text.parse::<Subject>().ok().as_ref().and_then(visitor) != Some(erased));
}
