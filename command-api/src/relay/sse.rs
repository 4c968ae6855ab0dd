//! A turn as Server-Sent Events.
//!
//! Contract, "POST /v1/widget/messages/stream": `data:` lines exactly as the frames are; `id:` and comments are added.
//! Beside the contract's events there is `restart`: another responder starts the answer anew, and what was shown is void.
//! Each stream is one task with a bounded buffer: a reader that takes nothing for ten seconds is let go, and may resume.

use std::{
    convert::Infallible,
    pin::pin,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{BufMut as _, Bytes, BytesMut};
use events::tokens::{FrameBody, FrameKind};
use futures::{StreamExt as _, stream};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval_at},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{queue::Line, turn::Turn};
use crate::{app::App, draining::drained, metrics};

pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Lines that wait for a slow reader.
const BUFFERED_LINES: usize = 256;

/// A reader that takes nothing for this long is gone or hopeless.
const READER_PATIENCE: Duration = Duration::from_secs(10);

const FIRST_BYTES: Bytes = Bytes::from_static(b": listening\n\n");
pub(crate) const HEARTBEAT_BYTES: Bytes = Bytes::from_static(b": still here\n\n");

pub(crate) const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    ),
    (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    ),
];

/// Streams a turn to its end. `asked_at` is when its message came in, for the time to the first token; none for a resume.
pub fn stream(app: &App, turn: Turn, asked_at: Option<Instant>) -> Response {
    let (sender, receiver) = mpsc::channel(BUFFERED_LINES);
    let forwarder = Forwarder {
        app: app.clone(),
        sender,
        asked_at,
    };
    app.tasks.spawn(async move {
        let _open = metrics::OpenStream::begin();
        metrics::stream_ended(forwarder.forward(turn).await);
    });
    (
        HEADERS,
        Body::from_stream(ReceiverStream::new(receiver).map(Ok::<_, Infallible>)),
    )
        .into_response()
}

/// A stream that only ends: there is no turn, because a person has the conversation.
pub fn stream_nothing(done: &FrameBody) -> Response {
    let line = Line {
        index: Some(0),
        kind: done.kind(),
        payload: done.to_json(),
    };
    let chunks = stream::iter([FIRST_BYTES, line.encode()]).map(Ok::<_, Infallible>);
    (HEADERS, Body::from_stream(chunks)).into_response()
}

struct Forwarder {
    app: App,
    sender: mpsc::Sender<Bytes>,
    asked_at: Option<Instant>,
}

/// The reader is gone, or takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderLost {
    Gone,
    Slow,
}

impl ReaderLost {
    const fn outcome(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Slow => "slow",
        }
    }
}

impl Forwarder {
    /// Answers how it ended.
    async fn forward(mut self, mut turn: Turn) -> &'static str {
        match self.lines(&mut turn).await {
            Ok(outcome) => {
                turn.remember().await;
                outcome
            }
            Err(lost) => lost.outcome(),
        }
    }

    async fn lines(&mut self, turn: &mut Turn) -> Result<&'static str, ReaderLost> {
        self.send(FIRST_BYTES).await?;
        let mut heartbeat = interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drained = drained(self.app.clone(), turn.answer_id());
        let mut drained = pin!(drained);
        loop {
            // One future per line, polled across heartbeats: cancelling it could lose a line for a while.
            let next = turn.next();
            let mut next = pin!(next);
            let line = loop {
                tokio::select! {
                    biased;
                    line = &mut next => break line,
                    () = self.sender.closed() => return Err(ReaderLost::Gone),
                    () = &mut drained => {
                        let draining = Line::error("draining", "This server is stopping; resume the stream.");
                        self.send(draining.encode()).await?;
                        return Ok("draining");
                    }
                    _ = heartbeat.tick() => self.send(HEARTBEAT_BYTES).await?,
                }
            };
            let Some(line) = line else { return Ok("done") };
            self.send(line.encode()).await?;
            self.note_first_token(line.kind);
            match line.kind {
                FrameKind::Done => return Ok("done"),
                FrameKind::Error => return Ok("error"),
                FrameKind::Token | FrameKind::Restart | FrameKind::Citations => {}
            }
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), ReaderLost> {
        use mpsc::error::SendTimeoutError;
        self.sender
            .send_timeout(bytes, READER_PATIENCE)
            .await
            .map_err(|error| match error {
                SendTimeoutError::Timeout(_) => ReaderLost::Slow,
                SendTimeoutError::Closed(_) => ReaderLost::Gone,
            })
    }

    fn note_first_token(&mut self, kind: FrameKind) {
        if kind == FrameKind::Token
            && let Some(asked_at) = self.asked_at.take()
        {
            metrics::first_token(asked_at.elapsed());
        }
    }
}

impl Line {
    /// The bytes of one event.
    fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.payload.len() + 32);
        if let Some(index) = self.index {
            bytes.put_slice(b"id: ");
            bytes.put_slice(index.to_string().as_bytes());
            bytes.put_u8(b'\n');
        }
        bytes.put_slice(b"data: ");
        bytes.put_slice(&self.payload);
        bytes.put_slice(b"\n\n");
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_contracts_with_an_id() {
        let body = FrameBody::Token {
            token: "Our ".to_owned(),
        };
        let line = Line {
            index: Some(7),
            kind: body.kind(),
            payload: body.to_json(),
        };
        assert_eq!(
            &line.encode()[..],
            b"id: 7\ndata: {\"event\":\"token\",\"token\":\"Our \"}\n\n"
        );
    }

    #[test]
    fn what_only_this_connection_says_has_no_id() {
        let line = Line::error("draining", "Bye.").encode();
        assert_eq!(
            &line[..],
            b"data: {\"event\":\"error\",\"code\":\"draining\",\"message\":\"Bye.\",\"retryable\":true}\n\n"
        );
    }

    #[test]
    fn a_token_with_line_breaks_stays_one_line() {
        let body = FrameBody::Token {
            token: "one\n\ntwo\r\n".to_owned(),
        };
        let line = Line {
            index: Some(0),
            kind: body.kind(),
            payload: body.to_json(),
        }
        .encode();
        let text = std::str::from_utf8(&line).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 3, "{text:?}");
    }
}
