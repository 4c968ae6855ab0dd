//! What a projection is: a name, a version, the categories it reads, and a function from a batch of events to rows.
//! Everything else (fetching, order, checkpoints, retries, scaling, rebuilding) is the runner's.

use std::{fmt, panic::AssertUnwindSafe, pin::Pin};

use events::{Category, Recorded};
use futures::FutureExt as _;
use sqlx::PgConnection;

/// A fold of the log into tables of its own.
///
/// What it may assume:
/// - Events of one partition come in their order, each once. Partitions run beside each other, in any order.
/// - `apply` runs in a transaction that also moves the checkpoint; `search_path` is the version's own schema, so its SQL
///   names no schema.
/// - When `apply` fails nothing of it stays.
///
/// What it must hold:
/// - **The rows do not depend on where a batch ends**: `project(log, 1) == project(log, n)`. A test in this crate checks it
///   for everything in the registry.
/// - Nor on how partitions interleave: a row that several partitions write is folded by something that all agree on.
/// - SQL is set-based: as many statements for a thousand events as for one.
/// - It reads no other projection's tables and calls nobody.
/// - It forgets a visitor at `diagent.visitor.erased`; counts without a visitor may stay.
pub trait Projection: Send + Sync + 'static {
    /// The plural noun of its rows; in schemas, consumers, metrics and commands.
    const NAME: &'static str;
    /// Raised whenever its rows or its tables change: the new version is built beside the old one.
    const VERSION: u32;
    /// The events it is given.
    const CATEGORIES: &'static [Category];
    /// The tables and views of its schema that readers see in the schema `read`.
    const EXPOSES: &'static [&'static str];
    /// `migrations/<name>/v<version>.sql`.
    const SCHEMA: &'static str;
    /// Whether some of its rows or numbers stay when what they were made of is erased: counts that name no visitor, receipts.
    /// They can then be more than the log still shows, and [`verify`](crate::verify) checks that none is less, and that no more
    /// rows stand there than events were erased: such an event makes one row of a table at most.
    const OUTLIVES_ERASURE: bool = false;

    /// Folds `batch` into the rows.
    fn apply(&self, connection: &mut PgConnection, batch: &[Recorded])
    -> impl Future<Output = sqlx::Result<()>> + Send;

    /// What becomes of a batch that failed with `error` when it was tried for the `attempt`th time, from 1. That the database
    /// was away, or something in the way, is no attempt.
    fn verdict(&self, error: &sqlx::Error, attempt: u32) -> Verdict {
        Verdict::by_default(error, attempt)
    }
}

/// What becomes of a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same again, later: the database is away, or something was in the way.
    Retry,
    /// The batch is cut until the event that fails is found; that one is set aside, and what follows on its subject waits.
    DeadLetter,
    /// The partition stops until an operator says otherwise.
    Halt,
}

/// Failures that pass by themselves are tried this often before an event is blamed.
const ATTEMPTS_MAX: u32 = 6;

impl Verdict {
    /// The verdict by the database's own classes of errors: what the data caused is set aside, what the schema caused halts
    /// (every event would fail), and the rest is tried again.
    pub fn by_default(error: &sqlx::Error, attempt: u32) -> Self {
        match error {
            sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::DeadLetter,
            sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::TypeNotFound { .. } => Self::Halt,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                match code.get(..2).unwrap_or_default() {
                    _ if passes(&code) => Self::Retry,
                    "21" | "22" | "23" | "54" => Self::DeadLetter,
                    "3D" | "3F" | "42" => Self::Halt,
                    _ if attempt < ATTEMPTS_MAX => Self::Retry,
                    _ => Self::DeadLetter,
                }
            }
            _ => Self::Retry,
        }
    }

    /// Whether this is never a batch's fault, and passes by itself.
    pub(crate) fn passes(error: &sqlx::Error) -> bool {
        match error {
            sqlx::Error::Database(error) => passes(&error.code().unwrap_or_default()),
            error => Self::by_default(error, 1) == Self::Retry,
        }
    }
}

/// Connection, resources, an operator's intervention, the system, others' locks; of a statement that takes too long nobody
/// knows whose fault it is.
fn passes(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53" | "55" | "57" | "58")) && code != "57014"
}

type Applied<'a> = Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>>;

/// [`Projection`] without its constants, so that one list holds them all.
trait Apply: Send + Sync {
    fn apply<'a>(&'a self, connection: &'a mut PgConnection, batch: &'a [Recorded]) -> Applied<'a>;
    fn verdict(&self, error: &sqlx::Error, attempt: u32) -> Verdict;
}

impl<P: Projection> Apply for P {
    fn apply<'a>(&'a self, connection: &'a mut PgConnection, batch: &'a [Recorded]) -> Applied<'a> {
        Box::pin(Projection::apply(self, connection, batch))
    }

    fn verdict(&self, error: &sqlx::Error, attempt: u32) -> Verdict {
        Projection::verdict(self, error, attempt)
    }
}

/// A projection in a list of projections.
pub struct Registered {
    pub name: &'static str,
    /// Its [`Projection::VERSION`].
    pub definition: u32,
    pub categories: &'static [Category],
    pub exposes: &'static [&'static str],
    /// Its [`Projection::SCHEMA`].
    pub schema: &'static str,
    /// Its [`Projection::OUTLIVES_ERASURE`].
    pub outlives_erasure: bool,
    projection: Box<dyn Apply>,
}

impl Registered {
    /// Puts `projection` on a list.
    pub fn new<P: Projection>(projection: P) -> Self {
        Self {
            name: P::NAME,
            definition: P::VERSION,
            categories: P::CATEGORIES,
            exposes: P::EXPOSES,
            schema: P::SCHEMA,
            outlives_erasure: P::OUTLIVES_ERASURE,
            projection: Box::new(projection),
        }
    }

    /// Whether it is given events of `category`.
    pub fn reads(&self, category: Category) -> bool {
        self.categories.contains(&category)
    }

    /// Whether it is given what stands on a NATS subject: `evt.<p>.<category>.…` or `ctl.<category>.…`.
    pub fn reads_subject(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        let category = match tokens.next() {
            Some("evt") => tokens.nth(1),
            Some("ctl") => tokens.next(),
            _ => None,
        };
        category.is_some_and(|token| self.categories.iter().any(|category| category.as_str() == token))
    }

    /// [`Projection::apply`].
    ///
    /// # Errors
    /// The database refuses, or is away.
    pub async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let applied = AssertUnwindSafe(self.projection.apply(connection, batch)).catch_unwind();
        // An event that makes the code panic is one that cannot be written: it must not take its partition along.
        applied
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Encode("the projection panicked".into())))
    }

    /// [`Projection::verdict`].
    pub fn verdict(&self, error: &sqlx::Error, attempt: u32) -> Verdict {
        self.projection.verdict(error, attempt)
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_blames_no_event() {
        for attempt in [1, 1_000] {
            assert_eq!(Verdict::by_default(&sqlx::Error::PoolTimedOut, attempt), Verdict::Retry);
        }
    }

    #[test]
    fn what_cannot_be_written_is_set_aside() {
        let error = sqlx::Error::Encode("too long".into());
        assert_eq!(Verdict::by_default(&error, 1), Verdict::DeadLetter);
    }
}
