//! What interrupts the loop of a partition.

use std::time::Duration;

use events::{Partition, log::LogError, visitor::SequenceRange};

use crate::projection::Verdict;

/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `asked` answers, if it does.
pub(super) async fn in_time<T, E: Into<Trouble>>(asked: impl Future<Output = Result<T, E>>) -> Result<T, Trouble> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Trouble::TimedOut),
    }
}

/// Why a partition's loop ends before it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Somebody else has the partition, or moved its checkpoint.
    #[error("the partition has another owner")]
    Fenced,
    /// Going on would make the rows wrong.
    #[error("the partition is halted")]
    Halt(#[source] Alarm),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("the database or the log did not answer in time")]
    TimedOut,
    #[error("the log failed")]
    Log(#[from] LogError),
    #[error("the log did not answer a request: {attempted}")]
    Request {
        attempted: &'static str,
        #[source]
        source: async_nats::Error,
    },
    /// An event that stands in the log was not delivered, for example because a worker that lost this partition still asks
    /// for its messages.
    #[error("the event {0} was not delivered, though it stands in the log")]
    Undelivered(u64),
}

impl Trouble {
    /// Whether the batch may have been the cause.
    pub(super) fn is_try(&self) -> bool {
        matches!(self, Self::Database(error) if !Verdict::passes(error))
    }

    pub(super) fn request<E: Into<async_nats::Error>>(attempted: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Request {
            attempted,
            source: source.into(),
        }
    }
}

/// Why a partition waits for an operator. These sentences are shown in `read.checkpoints`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Alarm {
    #[error("The checkpoint is of the log {expected}, and this is the log {found}.")]
    ForeignLog { expected: String, found: String },
    #[error(
        "The log ends at {last}, before the checkpoint {checkpoint}: it was restored from an older copy, or is another one."
    )]
    Shorter { checkpoint: u64, last: u64 },
    #[error(
        "The event at the checkpoint {checkpoint} is another than the one that was applied: the log was restored from an \
         older copy and has gone on since."
    )]
    Diverged { checkpoint: u64 },
    #[error("The events {} to {} of the partition {partition} are missing, and no erasure explains it.", range.first, range.last)]
    Lost { partition: Partition, range: SequenceRange },
    #[error("The projection cannot be applied: its tables or its code are wrong ({code}).")]
    Unfit { code: String },
}

/// The database's code of an error; `-` where it gave none. The text may hold what a visitor wrote, so logs get the code.
pub(super) fn code(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .map_or_else(|| "-".to_owned(), std::borrow::Cow::into_owned)
}
