//! `GET /conversation/events`: the same news as the socket's, as Server-Sent Events, for networks that let no socket through.

use std::{convert::Infallible, pin::pin};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::{sync::mpsc, time::interval};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    channels::{Ending, Listener, Side},
    news::News,
    time_to_leave,
};
use crate::{
    app::App,
    error::ApiError,
    guard::{caller::Caller, visitor::Visitor},
    metrics,
    relay::sse::{HEADERS, HEARTBEAT, HEARTBEAT_BYTES, READER_PATIENCE},
};

/// News that wait for a slow reader, beside those that the channel holds.
const BUFFERED: usize = 8;

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
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let seed = visitor.conversation_id.bits();
    app.tasks.clone().spawn(async move {
        let _place = place;
        let outcome = tokio::select! {
            outcome = forward(listener, sender) => outcome,
            closing = time_to_leave(&app, seed) => closing.outcome(),
        };
        metrics::socket_ended(outcome);
    });
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<_, Infallible>));
    Ok((HEADERS, body).into_response())
}

/// Answers how it ended.
async fn forward(mut listener: Listener, sender: mpsc::Sender<Bytes>) -> &'static str {
    let _open = metrics::OpenSocket::begin();
    // The first tick comes at once: so does the first byte.
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        let bytes = {
            let mut gone = pin!(sender.closed());
            tokio::select! {
                news = listener.next() => match news {
                    Ok(news) => encode(&news),
                    Err(Ending::Erased) => return "erased",
                    Err(Ending::TooSlow) => return "slow",
                },
                _ = heartbeat.tick() => HEARTBEAT_BYTES,
                () = &mut gone => return "gone",
            }
        };
        if sender.send_timeout(bytes, READER_PATIENCE).await.is_err() {
            return "slow";
        }
    }
}

fn encode(news: &News) -> Bytes {
    metrics::event_told(news.event);
    // JSON has no line breaks of its own.
    format!("event: {}\ndata: {}\n\n", news.event, news.data.get()).into()
}
