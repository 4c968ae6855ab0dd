//! `GET /api/v1/events`: the log as newline-delimited JSON, or as Server-Sent Events.

use std::{pin::Pin, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use edge::extract::Query;
use futures::Stream;

use super::{
    encode::{self, Format},
    merge::{Event, Replay},
    start::{Filter, Wanted},
};
use crate::{access::Reader, app::App, error::ApiError};

/// Lines are sent together up to this size; a slow reader stops the reading.
const CHUNK_BYTES: usize = 32 * 1024;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a replay begins, and where the log ended when it began, as cursors: for a reader that shows its progress.
pub const BEGINNING: HeaderName = HeaderName::from_static("diagent-replay-beginning");
pub const END: HeaderName = HeaderName::from_static("diagent-replay-end");

/// Replays the log: every line is a `CloudEvent` with its `position` and a `cursor`.
///
/// The order is the time of storage, then partition, then sequence. A reader that broke off goes on with `after` and the
/// last cursor it has: nothing is lost, and nothing comes twice.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    get, path = "/events", tag = "replay", params(Filter), security(("operator" = [])),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/event-stream"))))
)]
#[tracing::instrument(name = "read.events", skip_all)]
pub async fn read_events(
    State(app): State<App>,
    reader: Reader,
    Query(mut filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let accepts_sse = header(header::ACCEPT).is_some_and(|accept| accept.starts_with("text/event-stream"));
    let format = if accepts_sse { Format::Sse } else { Format::Ndjson };
    if let Some(agent_id) = filter.agent_id {
        reader.agent(&app, agent_id).await?;
    }
    if let Some(id) = header(HeaderName::from_static("last-event-id")) {
        filter.after = Some(id.to_owned());
    }
    let wanted = Wanted::resolve(&app.log, &filter, reader.only_workspace()).await?;
    let replay = Replay::open(&app.log, wanted).await?;
    let bounds = replay.bounds();
    let bounds = [(BEGINNING, bounds.0.to_string()), (END, bounds.1.to_string())];
    let lines = Lines {
        replay,
        format,
        drain: Box::pin(app.tasks.drain_token().cancelled_owned()),
        heartbeat: tokio::time::interval(HEARTBEAT),
    };
    let mut response = Body::from_stream(lines.chunks()).into_response();
    let kind = if accepts_sse {
        "text/event-stream"
    } else {
        "application/x-ndjson"
    };
    let mut set = |name, value: &str| {
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(name, value);
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CACHE_CONTROL, "no-cache, no-transform");
    set(HeaderName::from_static("x-accel-buffering"), "no");
    for (name, cursor) in bounds {
        set(name, &cursor);
    }
    if filter.follow {
        // A compressor would hold back the newest lines.
        set(header::CONTENT_ENCODING, "identity");
    }
    Ok(response)
}

/// A replay as it is sent.
struct Lines {
    replay: Replay,
    format: Format,
    drain: Pin<Box<dyn Future<Output = ()> + Send>>,
    heartbeat: tokio::time::Interval,
}

/// What is sent next.
enum Next {
    Event(Event),
    Heartbeat,
    End,
}

impl Lines {
    /// Lines in chunks: as many as are there at once. An error or a drain breaks the answer off, so that no reader takes a
    /// part for the whole.
    fn chunks(mut self) -> impl Stream<Item = Result<Bytes, async_nats::Error>> + Send {
        async_stream::try_stream! {
            self.heartbeat.tick().await;
            loop {
                match self.next().await? {
                    Next::Event(event) => {
                        let (chunk, end) = self.chunk(&event);
                        yield chunk;
                        if let Some(end) = end {
                            return end?;
                        }
                    }
                    Next::Heartbeat if self.format == Format::Sse => yield Bytes::from_static(b": still here\n\n"),
                    Next::Heartbeat => {}
                    Next::End => return,
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Next, async_nats::Error> {
        let next = tokio::select! {
            event = self.replay.next() => event.map(|event| event.map_or(Next::End, Next::Event)),
            () = &mut self.drain => Err("the server is stopping".into()),
            _ = self.heartbeat.tick() => Ok(Next::Heartbeat),
        };
        if let Err(error) = &next {
            tracing::warn!(%error, "a replay breaks off");
        }
        next
    }

    /// `first` and the events that are there already; and how it ended, if they are the last.
    fn chunk(&mut self, first: &Event) -> (Bytes, Option<Result<(), async_nats::Error>>) {
        let mut lines = BytesMut::with_capacity(2 * CHUNK_BYTES);
        encode::line(self.format, first, &self.replay.cursor(), &mut lines);
        let end = self.replay.lines_at_hand(self.format, CHUNK_BYTES, &mut lines);
        (lines.freeze(), end)
    }
}
