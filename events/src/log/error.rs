//! What can go wrong between this process and the log.

use std::{sync::Arc, time::Duration};

use crate::{Position, recorded::DecodeError};

/// The log could not be read or written. Nothing is known to be lost: what was acknowledged is on disk.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no connection, and there was none for a while.
    #[error("the log cannot be reached")]
    Unreachable,
    /// The server did not acknowledge within the time that an election takes.
    #[error("the log did not acknowledge in time")]
    Unacknowledged,
    /// The server does not take the message, for example because a stream is full.
    #[error("the log refused the message: {description} (code {code})")]
    Refused { code: u64, description: String },
    /// Others wrote to the same aggregate each time this command was decided.
    #[error("the aggregate changes too fast")]
    Contended,
    /// An event that was delivered cannot be read yet.
    #[error("no replica of the log has caught up")]
    Behind,
    /// A stored event of an aggregate cannot be read.
    #[error("a stored event cannot be read")]
    Unreadable(#[source] Box<ReadError>),
    /// A value cannot be written as JSON.
    #[error("a value cannot be written as JSON")]
    Encoding(#[from] serde_json::Error),
    /// What failed for all requests that were appended together.
    #[error(transparent)]
    Grouped(Arc<LogError>),
    /// A request to the server failed.
    #[error("the log did not answer a request: {attempted}")]
    Request {
        attempted: &'static str,
        #[source]
        source: async_nats::Error,
    },
}

impl LogError {
    pub(super) fn request<E: Into<async_nats::Error>>(attempted: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Request {
            attempted,
            source: source.into(),
        }
    }

    /// When a caller may try again.
    pub const fn retry_after(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// A message of the log that this binary cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the message at {} cannot be read", position.map_or_else(|| "an unknown position".to_owned(), |position| position.to_string()))]
pub struct ReadError {
    /// Where it stands, if that much is known.
    pub position: Option<Position>,
    /// The NATS subject it was stored under.
    pub subject: String,
    #[source]
    pub source: DecodeError,
}

/// Why a command changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error + 'static> {
    /// The aggregate refuses it.
    #[error("the command is refused")]
    Refused(#[source] R),
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}
