//! Why a version could not be verified.

use events::{
    Partition, Position,
    log::{LogError, ReadError},
};

use crate::runner::trouble::Trouble;

/// A version could not be verified. Says nothing about its rows, but for [`VerifyError::Halted`].
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("there is no version {version} of {projection}")]
    NoVersion { projection: &'static str, version: i32 },
    #[error(
        "version {version} of {projection} is of definition {found}, and this binary has definition {ours}; verify it with the binary that fills it"
    )]
    OtherDefinition {
        projection: &'static str,
        version: i32,
        found: i32,
        ours: u32,
    },
    #[error("the version was built from another log")]
    ForeignLog,
    /// The log is not what it was: events are missing, or it is shorter than the version has read.
    #[error("the log cannot be folded again: {0}")]
    Halted(String),
    #[error("the event at {position} cannot be read by this binary; verify with the binary that fills the version")]
    Unreadable {
        position: Position,
        #[source]
        source: Box<ReadError>,
    },
    #[error("the events {first} to {last} of partition {partition} cannot be applied again")]
    Apply {
        partition: Partition,
        first: u64,
        last: u64,
        #[source]
        source: sqlx::Error,
    },
    #[error("dead letters are being retried or skipped; verify again when that is done")]
    LettersMove,
    #[error(
        "the log has erased a visitor at {0}, and the version has not reached that; resume it or let it catch up, then verify again"
    )]
    ErasureAhead(Position),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("the log failed")]
    Log(#[from] LogError),
    #[error("the log did not answer a request: {attempted}")]
    Request {
        attempted: &'static str,
        #[source]
        source: async_nats::Error,
    },
}

impl VerifyError {
    pub(super) fn request<E: Into<async_nats::Error>>(attempted: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Request {
            attempted,
            source: source.into(),
        }
    }
}

impl From<Trouble> for VerifyError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Halt(alarm) => Self::Halted(alarm.to_string()),
            Trouble::Database(error) => Self::Database(error),
            Trouble::Log(error) => Self::Log(error),
            Trouble::Request { attempted, source } => Self::Request { attempted, source },
            other @ (Trouble::Fenced | Trouble::TimedOut | Trouble::Undelivered(_)) => Self::Request {
                attempted: "read a partition",
                source: Box::new(other),
            },
        }
    }
}
