//! A reader's place in the whole log: one sequence of each partition. Nothing but this resumes exactly, since partitions
//! have no common sequence and clocks are no order.

use std::{fmt, str::FromStr};

use bytes::BytesMut;
use edge::BadInput;
use events::{Partition, Position};

/// Of each partition the last sequence that a reader has or does not want, CONTROL last: `0:17,1:0,2:1042,control:7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u64>);

impl Cursor {
    /// Before the first event of a log of `partitions`.
    pub fn beginning(partitions: u16) -> Self {
        Self(vec![0; usize::from(partitions) + 1])
    }

    /// The place in one partition.
    pub fn of(&self, partition: Partition) -> u64 {
        self.0[self.index(partition)]
    }

    /// Moves the place in one partition.
    pub fn set(&mut self, position: Position) {
        let index = self.index(position.partition);
        self.0[index] = position.sequence;
    }

    /// The sum of all sequences, for measuring how far a reader has come.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The place after `positions`; partitions that are not named begin at their first event.
    pub(super) fn after(positions: &[Position], partitions: u16) -> Self {
        let mut cursor = Self::beginning(partitions);
        for position in positions {
            cursor.set(*position);
        }
        cursor
    }

    /// Writes the text; a replay does so for each line.
    pub(super) fn write(&self, into: &mut BytesMut) {
        let mut number = itoa::Buffer::new();
        for (index, sequence) in self.0.iter().enumerate() {
            if index > 0 {
                into.extend_from_slice(b",");
            }
            if index + 1 == self.0.len() {
                into.extend_from_slice(b"control");
            } else {
                into.extend_from_slice(number.format(index).as_bytes());
            }
            into.extend_from_slice(b":");
            into.extend_from_slice(number.format(*sequence).as_bytes());
        }
    }

    fn index(&self, partition: Partition) -> usize {
        match partition {
            Partition::Events(p) => usize::from(p),
            Partition::Control => self.0.len() - 1,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = BytesMut::new();
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl FromStr for Cursor {
    type Err = BadInput;

    /// Reads a cursor with all its partitions, as a replay writes it.
    fn from_str(text: &str) -> Result<Self, BadInput> {
        let partitions = u16::try_from(text.matches(',').count()).unwrap_or(u16::MAX);
        Ok(Self::after(&positions("cursor", text, partitions)?, partitions))
    }
}

/// Reads one position, or one of each partition, of a log of `partitions`.
pub(super) fn positions(field: &str, text: &str, partitions: u16) -> Result<Vec<Position>, BadInput> {
    let wrong = |error: events::subject::InvalidPosition| BadInput::invalid(field, error.to_string());
    let positions: Vec<Position> = text
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    for (index, Position { partition, .. }) in positions.iter().enumerate() {
        if matches!(partition, Partition::Events(p) if *p >= partitions) {
            return Err(BadInput::invalid(field, format!("there is no partition {partition}")));
        }
        if positions[..index].iter().any(|earlier| earlier.partition == *partition) {
            return Err(BadInput::invalid(
                field,
                format!("it names partition {partition} twice"),
            ));
        }
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cursor_survives_its_text(places in prop::collection::vec(any::<u64>(), 1..40)) {
            let cursor = Cursor(places);
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
        }

        #[test]
        fn whatever_is_sent_is_a_place_or_none(text in "((control|[0-9]{1,6}):[0-9]{1,21},?){0,6}|(?s).{0,60}", partitions in 0_u16..9) {
            if let Ok(positions) = positions("after", &text, partitions) {
                let cursor = Cursor::after(&positions, partitions);
                for Position { partition, sequence } in positions {
                    prop_assert_eq!(cursor.of(partition), sequence);
                }
            }
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
            }
        }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let text = "0:17,1:0,2:1042,control:7";
        let cursor: Cursor = text.parse().expect("a cursor");
        assert_eq!(cursor.to_string(), text);
        assert_eq!(
            (cursor.of(Partition::Events(2)), cursor.of(Partition::Control)),
            (1042, 7)
        );
        assert_eq!(cursor.sum(), 17 + 1042 + 7);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "x", "1:x", "3:1", ",", "1:2:3", "1:2,1:3", "0:1,"] {
            assert!(positions("after", text, 3).is_err(), "{text}");
        }
    }
}
