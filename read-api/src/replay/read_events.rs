//! `GET /api/v1/events`: the log as newline-delimited JSON, or as Server-Sent Events.

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use edge::extract::Query;
use events::AgentId;
use futures::{Stream, StreamExt as _};
use serde::Deserialize;

use super::{
    encode::{self, Format},
    merge::{Event, Replay},
    start::{After, KindPattern, Wanted},
};
use crate::{access::Reader, app::App, error::ApiError, queries::parse_time};

/// Lines are sent together up to this size; a slow reader stops the reading.
const CHUNK_BYTES: usize = 32 * 1024;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which events.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only what comes after this position (`3:1042`), or after one position of each partition (`0:17,3:1042,control:7`)
    after: Option<String>,
    /// Only what was stored at or after this time (RFC 3339)
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only what was stored before this time (RFC 3339)
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only of this agent
    agent_id: Option<AgentId>,
    /// Only of this type; a `*` at the end stands for anything
    r#type: Option<String>,
    /// Go on with what happens from now on
    follow: Option<bool>,
}

/// Replays the log: every line is a `CloudEvent` with its `position`.
///
/// The order is the time of storage, then partition, then sequence. A reader that broke off goes on with `after` and the
/// last position it has.
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
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let accepts_sse = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"));
    let format = if accepts_sse { Format::Sse } else { Format::Ndjson };
    if let Some(agent_id) = filter.agent_id {
        reader.agent(&app, agent_id)?;
    }
    let last_id = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let wanted = Wanted {
        after: After::parse(&app.log, last_id.or(filter.after).as_deref()).await?,
        from: parse_time("from", filter.from.as_deref())?,
        to: parse_time("to", filter.to.as_deref())?,
        agent_id: filter.agent_id,
        workspace_id: reader.only_workspace(),
        kind: filter.r#type.map(KindPattern::parse).transpose()?,
    };
    let follow = filter.follow.unwrap_or(false);
    let replay = Replay::open(&app.log, wanted)
        .await
        .map_err(ApiError::ReplayUnavailable)?;
    let body = Body::from_stream(chunks(
        replay.events(follow),
        format,
        app.tasks.drain_token().cancelled_owned(),
    ));
    let kind = if format == Format::Sse {
        "text/event-stream"
    } else {
        "application/x-ndjson"
    };
    let mut response = (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache, no-transform"),
        ],
        body,
    )
        .into_response();
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    if follow {
        // A compressor would hold back the newest lines.
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}

/// Lines in chunks: as many as are there at once. An error or a drain breaks the answer off, so that no reader takes a part
/// for the whole.
fn chunks(
    events: impl Stream<Item = Result<Event, async_nats::Error>> + Send,
    format: Format,
    drain: impl Future<Output = ()> + Send,
) -> impl Stream<Item = Result<Bytes, async_nats::Error>> + Send {
    async_stream::stream! {
        let mut events = std::pin::pin!(events.ready_chunks(256));
        let mut drain = std::pin::pin!(drain);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.tick().await;
        loop {
            let ready = tokio::select! {
                ready = events.next() => ready,
                () = &mut drain => {
                    yield Err("the server is stopping".into());
                    return;
                }
                _ = heartbeat.tick() => {
                    if format == Format::Sse {
                        yield Ok(Bytes::from_static(b": still here\n\n"));
                    }
                    continue;
                }
            };
            let Some(ready) = ready else { return };
            let mut lines = BytesMut::new();
            for event in ready {
                match event {
                    Ok(Event { key, payload }) => encode::line(format, key.position, &payload, &mut lines),
                    Err(error) => {
                        tracing::warn!(%error, "a replay broke off");
                        yield Ok(lines.freeze());
                        yield Err(error);
                        return;
                    }
                }
                if lines.len() >= CHUNK_BYTES {
                    yield Ok(lines.split().freeze());
                }
            }
            if !lines.is_empty() {
                yield Ok(lines.freeze());
            }
        }
    }
}
