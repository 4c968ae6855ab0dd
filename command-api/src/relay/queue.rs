//! Lines that come next, in order and once, out of frames that come twice, late, or from a responder that was given up.

use std::collections::VecDeque;

use bytes::Bytes;
use events::tokens::{Arrival, Frame, FrameBody, FrameKind, FrameOrder};

/// One `data:` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The `id:`; none on what only this connection says.
    pub index: Option<u32>,
    pub kind: FrameKind,
    /// The JSON of the `data:`.
    pub payload: Bytes,
}

impl Line {
    /// A last line that has no `id:`, so that a client resumes where it was.
    pub fn error(code: &str, message: &str) -> Self {
        let body = FrameBody::Error {
            code: code.to_owned(),
            message: message.to_owned(),
            retryable: true,
        };
        Self {
            index: None,
            kind: FrameKind::Error,
            payload: body.to_json(),
        }
    }
}

/// The lines of one client that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: FrameOrder,
    /// Of the last frame that was taken.
    attempt: u32,
    lines: VecDeque<Line>,
}

impl Queue {
    /// For a client that has everything up to and including `seen`.
    pub(super) const fn after(seen: Option<u32>) -> Self {
        Self {
            order: FrameOrder::after(seen),
            attempt: 0,
            lines: VecDeque::new(),
        }
    }

    /// Takes the frame when it comes next; nothing comes after a last one.
    pub(super) fn take(&mut self, frame: &Frame) -> Arrival {
        if self.is_complete() {
            return Arrival::Old;
        }
        let arrival = self.order.take(frame);
        if arrival == Arrival::Next {
            self.attempt = frame.attempt;
            self.lines.push_back(Line {
                index: Some(frame.index),
                kind: frame.kind,
                payload: frame.payload.clone(),
            });
        }
        arrival
    }

    /// Takes what no responder sent: it comes next.
    pub(super) fn add(&mut self, body: &FrameBody) {
        let attempt = self.attempt.max(1);
        self.take(&Frame {
            attempt,
            index: self.next_index(),
            kind: body.kind(),
            payload: body.to_json(),
        });
    }

    /// Ends with a line of this connection alone.
    pub(super) fn end_with(&mut self, line: Line) {
        self.lines.push_back(line);
    }

    pub(super) fn pop(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether the last line waits here.
    pub(super) fn is_complete(&self) -> bool {
        self.lines.back().is_some_and(|line| line.kind.is_last())
    }

    /// The index that comes next.
    pub(super) const fn next_index(&self) -> u32 {
        self.order.next()
    }

    /// The attempt of the last frame; 0 before the first.
    pub(super) const fn attempt(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// TOKENS has every frame; the bus delivers them in any order, some never, some twice.
        #[test]
        fn whatever_the_bus_does_every_line_comes_once_and_in_order(
            count in 1_u32..40,
            seen in prop::option::of(0_u32..40),
            delivered in prop::collection::vec(0_u32..40, 0..120),
        ) {
            let stored: Vec<Frame> = (0..count).map(|index| frame(index, index + 1 == count)).collect();
            let seen = seen.filter(|seen| *seen + 1 < count);
            let mut queue = Queue::after(seen);
            let mut lines = Vec::new();
            for frame in delivered.into_iter().filter_map(|index| stored.get(index as usize)) {
                if queue.take(frame) == Arrival::Gap {
                    fetch(&mut queue, &stored);
                }
                lines.extend(std::iter::from_fn(|| queue.pop()));
            }
            fetch(&mut queue, &stored);
            lines.extend(std::iter::from_fn(|| queue.pop()));

            let indices: Vec<u32> = lines.iter().filter_map(|line| line.index).collect();
            let expected: Vec<u32> = (seen.map_or(0, |seen| seen + 1)..count).collect();
            prop_assert_eq!(indices, expected);
            prop_assert!(lines.last().is_some_and(|line| line.kind == FrameKind::Done), "nothing follows the last line");
        }
    }

    #[test]
    fn nothing_comes_after_the_last_line() {
        let mut queue = Queue::default();
        queue.take(&frame(0, true));
        assert_eq!(queue.take(&frame(1, false)), Arrival::Old);
    }

    /// What TOKENS answers: everything from the next index on.
    fn fetch(queue: &mut Queue, stored: &[Frame]) {
        let next = queue.next_index();
        for frame in stored.iter().filter(|frame| frame.index >= next) {
            queue.take(frame);
        }
    }

    fn frame(index: u32, last: bool) -> Frame {
        let kind = if last { FrameKind::Done } else { FrameKind::Token };
        Frame {
            attempt: 1,
            index,
            kind,
            payload: Bytes::from(index.to_string()),
        }
    }
}
