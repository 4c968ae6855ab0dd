//! What others do to the database passes: the batch is repeated, counts once, and no event is blamed for it.

use std::sync::Mutex;

use events::{Category, Recorded};
use projector::{Projection, Registered, Verdict};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::support::{Bench, Someone, posted, until};

/// Writes down which events it has seen, and how its batches failed.
struct Tally(&'static Mutex<Scene>);

struct Scene {
    /// What its transactions are told first.
    setting: &'static str,
    failures: Vec<String>,
}

impl Scene {
    const fn with(setting: &'static str) -> Mutex<Self> {
        let failures = Vec::new();
        Mutex::new(Self { setting, failures })
    }
}

impl Tally {
    fn scene(&self) -> std::sync::MutexGuard<'_, Scene> {
        self.0.lock().expect("nobody panicked")
    }
}

impl Projection for Tally {
    const NAME: &'static str = "tally";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["seen"];
    const SCHEMA: &'static str = "CREATE TABLE seen (sequence bigint NOT NULL)";

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let setting = self.scene().setting;
        sqlx::query(setting).execute(&mut *connection).await?;
        let sequences = batch.iter().map(|recorded| recorded.position.sequence.cast_signed());
        sqlx::query("INSERT INTO seen SELECT unnest($1::bigint[])")
            .bind(sequences.collect::<Vec<i64>>())
            .execute(connection)
            .await?;
        Ok(())
    }

    fn verdict(&self, error: &sqlx::Error, attempt: u32) -> Verdict {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        self.scene().failures.extend(code.map(Into::into));
        Verdict::by_default(error, attempt)
    }
}

const SEEN: &str = "SELECT sequence::text FROM read.seen ORDER BY 1";

/// Somebody else, whom the projector waits for.
async fn in_the_way(bench: &Bench) -> Transaction<'static, Postgres> {
    let mut other = bench.pool.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE tally_v1.seen IN SHARE MODE")
        .execute(&mut *other)
        .await
        .expect("a lock");
    other
}

/// Waits until the projector waits.
async fn waits(bench: &Bench) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("it waits", async || bench.number(waiting).await == 1).await;
}

#[tokio::test]
async fn the_victim_of_a_deadlock_is_repeated_and_counts_once() {
    static SCENE: Mutex<Scene> = Scene::with("SET LOCAL deadlock_timeout = '3s'");
    let bench = Bench::start().await;
    let process = bench.projector_of(|| vec![Registered::new(Tally(&SCENE))], &[]);
    bench.version_opened("tally", 1).await;
    let someone = Someone::in_partition(0);
    let mut expected = Vec::new();
    // Whoever looks first finds the deadlock and is its victim; on a slow machine that may be the other one.
    while !SCENE
        .lock()
        .expect("nobody panicked")
        .failures
        .contains(&"40P01".to_owned())
    {
        let mut other = in_the_way(&bench).await;
        expected.push(
            bench
                .append(&someone.conversation(), &[posted("one")])
                .await
                .sequence
                .to_string(),
        );
        waits(&bench).await;
        let crossing = "SELECT FROM diagent.checkpoints WHERE projection = 'tally' AND partition = '0' FOR UPDATE";
        sqlx::query("SET LOCAL deadlock_timeout = '20s'")
            .execute(&mut *other)
            .await
            .expect("set");
        drop(sqlx::query(crossing).execute(&mut *other).await);
        other.rollback().await.expect("let go");
        bench.version_caught_up("tally", 1).await;
    }

    assert_eq!(bench.texts(SEEN).await, expected);
    assert_eq!(bench.number("SELECT count(*) FROM read.dead_letters").await, 0);
    process.stop().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_after_an_outage_is_repeated_and_blames_no_event() {
    static SCENE: Mutex<Scene> = Scene::with("SELECT");
    let failures = |code: &str| {
        let scene = SCENE.lock().expect("nobody panicked");
        scene.failures.iter().filter(|failure| *failure == code).count()
    };
    let bench = Bench::start().await;
    let process = bench.projector_of(|| vec![Registered::new(Tally(&SCENE))], &[]);
    bench.version_opened("tally", 1).await;
    let other = in_the_way(&bench).await;
    let position = bench
        .append(&Someone::in_partition(0).conversation(), &[posted("one")])
        .await;
    let ends = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("its connection ends again and again", async || {
        bench.number(ends).await;
        failures("57P01") >= 6
    })
    .await;
    SCENE.lock().expect("nobody panicked").setting = "SET LOCAL statement_timeout = '200ms'";
    let old_ones_end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query_start < now() - interval '2 s'";
    until("its time is over twice", async || {
        bench.number(old_ones_end).await;
        failures("57014") >= 2
    })
    .await;
    other.rollback().await.expect("let go");
    bench.version_caught_up("tally", 1).await;

    assert_eq!(bench.number("SELECT count(*) FROM read.dead_letters").await, 0);
    assert_eq!(bench.texts(SEEN).await, [position.sequence.to_string()]);
    process.stop().await;
}
