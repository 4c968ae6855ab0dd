//! `GET /conversation/events`: the same news as the socket's, as Server-Sent Events, for networks that let no socket through.

use std::{convert::Infallible, pin::pin};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::Stream;
use tokio::time::interval;

use super::{
    channels::{Ending, Listener, Side},
    news::News,
    places::Place,
    protocol::Closing,
    time_to_leave,
};
use crate::{
    app::App,
    error::ApiError,
    guard::{caller::Caller, visitor::Visitor},
    metrics,
    relay::sse::{HEADERS, HEARTBEAT, HEARTBEAT_BYTES},
};

/// What happens in the token's conversation from now on: `event:` names it, `data:` is its JSON, as on the socket. Nothing
/// is said twice; after a break a client reads the messages anew.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `too_many_connections`.
#[utoipa::path(
    get, path = "/conversation/events", tag = "widget",
    responses((status = 200, description = "Events until one side leaves", content_type = "text/event-stream")),
)]
#[tracing::instrument(name = "widget.conversation.events", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn stream_events(State(app): State<App>, visitor: Visitor, caller: Caller) -> Result<Response, ApiError> {
    let place = app.live.places.take(caller.ip).ok_or(ApiError::TooManyConnections)?;
    let mut listener = app.live.channels.listener();
    listener
        .join(visitor.conversation_id, Side::Visitor)
        .map_err(|_| ApiError::TooManyConnections)?;
    if visitor.is_revoked(&app) {
        return Err(ApiError::Unauthorized);
    }
    let open = Open {
        listener,
        closing: None,
        _place: place,
        _counted: metrics::OpenSocket::begin(),
    };
    let seed = visitor.conversation_id.bits();
    Ok((HEADERS, Body::from_stream(tell(app, seed, open))).into_response())
}

/// One stream, until dropped.
struct Open {
    listener: Listener,
    /// Why this side ends it.
    closing: Option<Closing>,
    _place: Place,
    _counted: metrics::OpenSocket,
}

impl Open {
    fn end(mut self, closing: Closing) {
        self.closing = Some(closing);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::socket_ended(match self.closing {
            Some(closing) => closing.outcome(),
            // The connection ended: by its limit of time, if the client did not take what there was for it.
            None if self.listener.is_behind() => Closing::Ended(Ending::TooSlow).outcome(),
            None => "gone",
        });
    }
}

/// The body itself, without a task and a queue of its own: there may be ten thousand of these. While the client takes nothing it
/// is not polled, news wait in the listener, and the connection's limit of time for a write ends both.
fn tell(app: App, seed: u128, mut open: Open) -> impl Stream<Item = Result<Bytes, Infallible>> {
    async_stream::stream! {
        let mut leave = pin!(time_to_leave(&app, seed));
        // The first tick comes at once: so does the first byte.
        let mut heartbeat = interval(HEARTBEAT);
        let closing = loop {
            let bytes = tokio::select! {
                closing = &mut leave => break closing,
                news = open.listener.next() => match news {
                    Ok(news) => encode(&news),
                    Err(ending) => break Closing::Ended(ending),
                },
                _ = heartbeat.tick() => HEARTBEAT_BYTES,
            };
            yield Ok(bytes);
        };
        open.end(closing);
    }
}

fn encode(news: &News) -> Bytes {
    metrics::event_told(news.event);
    // JSON has no line breaks of its own.
    format!("event: {}\ndata: {}\n\n", news.event, news.data.get()).into()
}
