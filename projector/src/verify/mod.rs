//! Whether the rows of a version are what the log says: the log is folded again and both are compared, while writes go on.
//!
//! Rows and checkpoints move in one transaction, so a snapshot of the database holds the rows exactly as they are at its
//! checkpoints, however busy the workers are. The log is folded to exactly there:
//!
//! 1. [`scratch`] folds the log into temporary tables of one connection, up to where the version is, and again up to where it
//!    has got meanwhile, until little is missing.
//! 2. One repeatable-read transaction takes the snapshot, folds the little that is missing, and [`compare`]s.
//!
//! Temporary tables are no other session's business, cost no write-ahead log, and go with the connection, also when this
//! process is killed. Nothing is locked, and no worker notices.
//!
//! What must not be mistaken for a difference:
//! - **Events that the version set aside** (dead letters, and what an operator left out) are in no row: they are left out of
//!   the fold too ([`standing`]).
//! - **An erasure that the version has not reached**: the log has lost the visitor's events already, the rows still hold
//!   them. Its tombstone stands ahead of the checkpoint; both sides go past it, and are compared there.
//! - **What outlives erasures**, such as counts, is more than what the log still shows: see
//!   [`Projection::OUTLIVES_ERASURE`](crate::Projection::OUTLIVES_ERASURE).

mod compare;
mod error;
mod scratch;
mod standing;

use std::time::Duration;

use events::Partition;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

pub use self::{
    compare::{Chunk, Finding, Row, Sum},
    error::VerifyError,
};
use self::{scratch::Scratch, standing::Standing};
use crate::{Registered, Stores};

/// Events that may be left for the snapshot's own transaction: a second's work at most.
const REST_MAX: u64 = 10_000;
/// The fold comes closer to the version with each round; a version that is written faster than it can be folded is compared
/// with a longer transaction.
const ROUNDS: usize = 8;
/// How often the fold is begun again because operators decided about dead letters meanwhile.
const RESTARTS: usize = 3;
/// How long the version may take to an erasure that the log has done already.
const ERASURE_PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// How far the fold is, in sequences of all partitions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// What was compared, and what was found.
#[derive(Debug)]
pub struct Report {
    pub partitions: Vec<Compared>,
    /// Every table, by partition where its rows say which they are of.
    pub chunks: Vec<Chunk>,
    /// Events that the version set aside: in neither side's rows.
    pub left_out: usize,
}

/// One partition of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub partition: Partition,
    /// The place that both sides were compared at.
    pub sequence: u64,
    /// Events up to there that erasures have taken.
    pub erased: u64,
}

impl Report {
    /// Whether the rows are what the log says.
    pub fn is_same(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.finding.is_right())
    }
}

/// Compares the rows of `version` of `projection` with the log. `progress` is called as the fold goes on.
///
/// # Errors
/// The version cannot be verified; whether it differs is in the report.
pub async fn verify(
    stores: &Stores,
    projection: &Registered,
    version: i32,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, VerifyError> {
    let mut connection = stores.pool.acquire().await?.detach();
    let verified = async {
        // Checksums of large tables, and reading the log while rows stand still, take longer than what a connection is given.
        for setting in [
            "SET statement_timeout = 0",
            "SET idle_in_transaction_session_timeout = 0",
        ] {
            sqlx::query(setting).execute(&mut connection).await?;
        }
        let verification = Verification {
            stores,
            projection,
            version,
            progress,
        };
        for _ in 0..RESTARTS {
            if let Some(report) = verification.run(&mut connection).await? {
                return Ok(report);
            }
        }
        Err(VerifyError::LettersMove)
    }
    .await;
    // What is left in the scratch tables goes with the connection.
    connection.close().await?;
    verified
}

struct Verification<'a> {
    stores: &'a Stores,
    projection: &'a Registered,
    version: i32,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl Verification<'_> {
    /// Folds and compares; nothing when letters were decided about meanwhile.
    async fn run(&self, connection: &mut PgConnection) -> Result<Option<Report>, VerifyError> {
        let mut scratch = Scratch::make(connection, self.projection, self.stores, self.progress).await?;
        let mut deadline = None;
        loop {
            self.approach(connection, &mut scratch).await?;
            let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
            let standing = self.standing(&mut snapshot).await?;
            if scratch.left_out_too_much(&standing) {
                return Ok(None);
            }
            scratch.fold(&mut snapshot, &standing).await?;
            let chunks = compare::compare(&mut snapshot, self.projection, self.version, &scratch).await?;
            snapshot.commit().await?;
            let report = Report {
                partitions: scratch.compared(),
                chunks,
                left_out: standing.left_out.len(),
            };
            if report.is_same() {
                return Ok(Some(report));
            }
            let Some(erasure) = scratch.erasure_ahead().await? else {
                return Ok(Some(report));
            };
            if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + ERASURE_PATIENCE) {
                return Err(VerifyError::ErasureAhead(erasure));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Folds until little is missing.
    async fn approach(&self, connection: &mut PgConnection, scratch: &mut Scratch<'_>) -> Result<(), VerifyError> {
        for _ in 0..ROUNDS {
            let standing = self.standing(connection).await?;
            if scratch.missing(&standing) <= REST_MAX {
                break;
            }
            scratch.fold(connection, &standing).await?;
        }
        Ok(())
    }

    async fn standing(&self, connection: &mut PgConnection) -> Result<Standing, VerifyError> {
        Standing::read(
            connection,
            self.projection,
            self.version,
            &self.stores.log.identity().log_id.to_string(),
        )
        .await
    }
}
