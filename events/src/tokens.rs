//! An answer while it is written: frames on `tok.<conversation>.<answer>`.
//!
//! The payload of a frame is exactly the JSON of one `data:` line of the contract, so a relay forwards bytes. What only
//! the relay needs stands in one header, `Diagent-Frame: <attempt>.<index>.<kind>`. Frames of one attempt are contiguous,
//! those of the first start with 0. A second attempt (its responder died) begins with `restart`, where the attempt before
//! ended, or, when its frames are lost, further on: no number is given twice.

use async_nats::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ConversationId, MessageId,
    conversation::{Citation, FinishReason},
};

/// The header that names a frame.
pub const FRAME_HEADER: &str = "Diagent-Frame";

/// The subject of one answer's frames.
pub fn subject(conversation_id: ConversationId, answer_id: MessageId) -> String {
    format!("tok.{conversation_id}.{answer_id}")
}

/// The subject on which a running turn is told to stop; `stop.>` reaches every responder.
pub fn stop_subject(conversation_id: ConversationId, answer_id: MessageId) -> String {
    format!("stop.{conversation_id}.{answer_id}")
}

/// What one `data:` line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum FrameBody {
    /// A piece of the answer.
    Token { token: String },
    /// Another responder starts the answer anew: what was shown so far is void.
    Restart { attempt: u32 },
    /// Once, after the last token.
    Citations { citations: Vec<Citation> },
    /// The answer is in the log; nothing follows.
    Done {
        conversation_id: ConversationId,
        message_id: MessageId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        finish_reason: Option<FinishReason>,
        low_confidence: bool,
    },
    /// There will be no answer; nothing follows.
    Error {
        code: String,
        message: String,
        retryable: bool,
    },
}

/// What kind of line a frame is, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    Token,
    Restart,
    Citations,
    Done,
    Error,
}

impl FrameKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Token, "token"),
        (Self::Restart, "restart"),
        (Self::Citations, "citations"),
        (Self::Done, "done"),
        (Self::Error, "error"),
    ];

    /// Whether nothing follows.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Done | Self::Error)
    }
}

impl FrameBody {
    /// Its kind.
    pub const fn kind(&self) -> FrameKind {
        match self {
            Self::Token { .. } => FrameKind::Token,
            Self::Restart { .. } => FrameKind::Restart,
            Self::Citations { .. } => FrameKind::Citations,
            Self::Done { .. } => FrameKind::Done,
            Self::Error { .. } => FrameKind::Error,
        }
    }

    /// The JSON of the `data:` line.
    #[expect(clippy::missing_panics_doc, reason = "strings and numbers always serialise")]
    pub fn to_json(&self) -> Bytes {
        serde_json::to_vec(self).expect("strings and numbers serialise").into()
    }
}

/// One frame as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// 1 for the first responder that took the turn.
    pub attempt: u32,
    /// The `id:` of the line.
    pub index: u32,
    pub kind: FrameKind,
    /// The JSON of the `data:` line.
    pub payload: Bytes,
}

impl Frame {
    /// The header of this frame.
    pub fn headers(&self) -> HeaderMap {
        let kind = FrameKind::ALL
            .iter()
            .find(|(kind, _)| *kind == self.kind)
            .map_or("", |(_, name)| name);
        let mut headers = HeaderMap::new();
        headers.insert(FRAME_HEADER, format!("{}.{}.{kind}", self.attempt, self.index));
        headers
    }

    /// Reads a message; none when it is no frame.
    pub fn from_message(headers: Option<&HeaderMap>, payload: Bytes) -> Option<Self> {
        let mut parts = headers?.get(FRAME_HEADER)?.as_str().splitn(3, '.');
        let attempt = parts.next()?.parse().ok()?;
        let index = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let kind = FrameKind::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)?;
        Some(Self {
            attempt,
            index,
            kind,
            payload,
        })
    }
}

/// Decides which frames of a stream come next, whatever arrives twice, late, or from a responder that was given up.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameOrder {
    attempt: u32,
    next: u32,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It comes next: show it.
    Next,
    /// It was shown, or its attempt was given up: drop it.
    Old,
    /// Frames before it are missing: fetch them from TOKENS.
    Gap,
}

impl FrameOrder {
    /// The order for a client that has shown everything up to and including `index` of whatever attempt.
    pub const fn after(index: Option<u32>) -> Self {
        Self {
            attempt: 0,
            next: match index {
                Some(index) => index.saturating_add(1),
                None => 0,
            },
        }
    }

    /// The index that comes next.
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// Takes a frame; the order moves on when it is [`Arrival::Next`].
    pub const fn take(&mut self, frame: &Frame) -> Arrival {
        if frame.attempt < self.attempt {
            return Arrival::Old;
        }
        let restarts = matches!(frame.kind, FrameKind::Restart);
        // A new attempt may reuse indices that a responder still wrote after it was given up.
        let reuses = restarts && frame.attempt > self.attempt && self.attempt > 0;
        if frame.index < self.next && !reuses {
            return Arrival::Old;
        }
        // What is missing before a restart is void.
        if frame.index > self.next && !restarts {
            return Arrival::Gap;
        }
        self.attempt = frame.attempt;
        self.next = frame.index.saturating_add(1);
        Arrival::Next
    }
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = Frame> {
        let number = prop_oneof![0..9_u32, 0..u32::MAX];
        let kind = prop::sample::select(FrameKind::ALL.map(|(kind, _)| kind).to_vec());
        (number.clone(), number, kind, any::<Vec<u8>>()).prop_map(|(attempt, index, kind, payload)| Frame {
            attempt,
            index,
            kind,
            payload: payload.into(),
        })
    }

    proptest! {
        #[test]
        fn every_frame_survives_its_message(frame in frame()) {
            let read = Frame::from_message(Some(&frame.headers()), frame.payload.clone());
            prop_assert_eq!(read, Some(frame));
        }

        #[test]
        fn whatever_a_header_says_is_a_frame_or_none(
            header in "(?s).{0,40}|[0-9]{1,11}\\.[0-9]{1,11}\\.[a-z.]{0,9}|4294967295\\.4294967295\\.(token|restart|done)|[0-9]{1,11}\\.[0-9]{1,11}\\.(token|restart|done)",
        ) {
            let Ok(value) = header.parse::<HeaderValue>() else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert(FRAME_HEADER, value);
            if let Some(frame) = Frame::from_message(Some(&headers), Bytes::new()) {
                let again = Frame::from_message(Some(&frame.headers()), Bytes::new());
                prop_assert_eq!(again.as_ref(), Some(&frame));
                FrameOrder::after(frame.index.checked_sub(1)).take(&frame);
            }
        }

        #[test]
        fn whatever_comes_is_shown_in_order(
            after: Option<u32>, frames in prop::collection::vec(frame(), 0..40),
        ) {
            let mut order = FrameOrder::after(after);
            let mut last: Option<(u32, u32)> = None;
            for frame in frames {
                if order.take(&frame) == Arrival::Next {
                    let shown = (frame.attempt, frame.index);
                    prop_assert!(last.is_none_or(|last| last < shown), "{:?} after {:?}", shown, last);
                    last = Some(shown);
                }
            }
        }
    }

    #[test]
    fn a_frame_survives_its_message() {
        let body = FrameBody::Token {
            token: "Our ".to_owned(),
        };
        let frame = Frame {
            attempt: 1,
            index: 7,
            kind: body.kind(),
            payload: body.to_json(),
        };
        assert_eq!(&frame.payload[..], br#"{"event":"token","token":"Our "}"#);
        assert_eq!(
            Frame::from_message(Some(&frame.headers()), frame.payload.clone()),
            Some(frame)
        );
    }

    #[test]
    fn frames_are_shown_once_and_in_order() {
        let mut order = FrameOrder::default();
        assert_eq!(order.take(&token(1, 0)), Arrival::Next);
        assert_eq!(order.take(&token(1, 0)), Arrival::Old);
        assert_eq!(order.take(&token(1, 2)), Arrival::Gap);
        assert_eq!(order.take(&token(1, 1)), Arrival::Next);
        assert_eq!(order.take(&token(1, 2)), Arrival::Next);
    }

    #[test]
    fn a_resumed_client_sees_only_what_it_missed() {
        let mut order = FrameOrder::after(Some(4));
        assert_eq!(order.take(&token(1, 4)), Arrival::Old);
        assert_eq!(order.take(&token(1, 5)), Arrival::Next);
    }

    #[test]
    fn a_responder_that_was_given_up_is_not_heard_any_more() {
        let mut order = FrameOrder::default();
        order.take(&token(1, 0));
        order.take(&token(1, 1));
        assert_eq!(
            order.take(&restart(2, 1)),
            Arrival::Next,
            "it did not know of the last token"
        );
        assert_eq!(order.take(&token(1, 2)), Arrival::Old);
        assert_eq!(order.take(&token(2, 2)), Arrival::Next);
    }

    #[test]
    fn what_is_missing_before_a_restart_is_not_waited_for() {
        let mut order = FrameOrder::after(Some(2));
        assert_eq!(order.take(&token(1, 10_001)), Arrival::Gap);
        assert_eq!(order.take(&restart(1, 10_000)), Arrival::Next);
        assert_eq!(order.take(&token(1, 3)), Arrival::Old);
        assert_eq!(order.take(&token(1, 10_001)), Arrival::Next);
    }

    fn token(attempt: u32, index: u32) -> Frame {
        Frame {
            attempt,
            index,
            kind: FrameKind::Token,
            payload: Bytes::new(),
        }
    }

    fn restart(attempt: u32, index: u32) -> Frame {
        Frame {
            attempt,
            index,
            kind: FrameKind::Restart,
            payload: Bytes::new(),
        }
    }
}
