//! `GET /app/{key}`: opens the socket.
//!
//! What is wrong with a connection is said on the socket, since a browser shows a page neither status nor body of a failed
//! handshake. Anybody may open one; hearing anything takes a signature of `POST /broadcasting/auth`, where token and origin
//! are checked.

use axum::{
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
};
use edge::extract::{Path, Query};
use serde::Deserialize;

use super::{
    protocol::{self, Closing},
    session,
};
use crate::{app::App, error::ApiError, guard::caller::Caller};

/// Frames of clients are small.
const MESSAGE_BYTES_MAX: usize = 16 * 1_024;
/// Kept for each socket; a frame is mostly smaller.
const READ_BUFFER_BYTES: usize = 1_024;
/// The largest message is an answer of 16 KiB, escaped twice.
const WRITE_BUFFER_BYTES_MAX: usize = 256 * 1_024;

/// What a client says of itself.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConnectQuery {
    /// 5 to 7.
    protocol: Option<String>,
}

/// A WebSocket that speaks the Pusher protocol: `private-conversation.{id}` tells `message.created`, `message.failed`,
/// `conversation.claimed`, `.released`, `.closed`, `.cleared`, `.human_requested`, and `typing`.
///
/// # Errors
/// `upgrade_required`; everything else is a close code: 4001, 4006 to 4009, 4100, 4200, 4201, 4301.
#[utoipa::path(
    get, path = "/app/{app_key}", tag = "live",
    params(("app_key" = String, Path, description = "What `init` calls `reverb.app_key`"), ConnectQuery),
    responses(
        (status = 101, description = "The socket is open"),
        (status = 426, description = "`upgrade_required`: this address is for WebSockets"),
    ),
    security(()),
)]
pub async fn connect(
    State(app): State<App>,
    caller: Caller,
    Path(app_key): Path<String>,
    Query(query): Query<ConnectQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| ApiError::UpgradeRequired)?;
    let welcome = if app_key == app.app_key.key() {
        protocol::check_version(query.protocol.as_deref())
    } else {
        Err(Closing::UnknownApp)
    };
    let welcome = welcome.and_then(|()| app.live.places.take(caller.ip).ok_or(Closing::NoRoom));
    let upgrade = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX);
    Ok(upgrade.on_upgrade(async move |socket| {
        // A task that a drain knows of.
        app.tasks.clone().spawn(session::run(app, socket, welcome));
    }))
}
