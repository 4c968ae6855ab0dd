//! The tables are made once, whoever starts, and an edited file is noticed.

use embedded::testing;
use projector::{MigrateError, migrate, registry};

use crate::support::{pool, until};

#[tokio::test]
async fn processes_that_start_at_once_make_the_tables_once() {
    let database = testing::database().await;
    let (one, two) = (pool(database.url()).await, pool(database.url()).await);

    let (first, second, third) = tokio::join!(migrate(&one), migrate(&two), migrate(&one));

    for outcome in [first, second, third] {
        outcome.expect("made, or found made");
    }
    let live: i64 = sqlx::query_scalar("SELECT count(*) FROM diagent.versions WHERE live")
        .fetch_one(&one)
        .await
        .expect("versions");
    assert_eq!(usize::try_from(live).expect("few"), registry::all().len());
}

#[tokio::test]
async fn a_database_that_dies_while_the_tables_are_made_costs_the_starting_process_nothing_but_time() {
    // What `migrate` locks.
    const HOLD: &str = "SELECT pg_advisory_lock(x'0064696167656e74'::bigint)";
    const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
    let mut postgres = testing::own_postgres().await;
    let holder = pool(&postgres.url()).await;
    let mut connection = holder.acquire().await.expect("a connection");
    sqlx::query(HOLD).execute(&mut *connection).await.expect("held");
    let starting = pool(&postgres.url()).await;
    let outage = async {
        until("it is in the middle", async || {
            sqlx::query_scalar(WAITS).fetch_one(&holder).await.expect("an answer")
        })
        .await;
        postgres.kill();
        postgres.restart().await;
    };

    let (made, ()) = tokio::join!(migrate(&starting), outage);

    made.expect("the tables are made");
}

#[tokio::test]
async fn a_first_version_is_shown_to_readers_at_once() {
    let database = testing::database().await;
    let pool = pool(database.url()).await;
    migrate(&pool).await.expect("the tables");
    let sql = "SELECT table_name::text FROM information_schema.views WHERE table_schema = 'read' ORDER BY 1";
    let views: Vec<String> = sqlx::query_scalar(sql).fetch_all(&pool).await.expect("views");
    assert_eq!(
        views,
        [
            "checkpoints",
            "conversations",
            "dead_letters",
            "document_chunks",
            "document_words",
            "documents",
            "embedding_model",
            "embeddings",
            "erasures",
            "gaps",
            "lead_submissions",
            "leads",
            "messages",
            "telemetry_counts",
            "usage"
        ]
    );
}

#[tokio::test]
async fn a_file_that_was_edited_after_it_was_applied_is_refused() {
    let database = testing::database().await;
    let pool = pool(database.url()).await;
    migrate(&pool).await.expect("the tables");
    let edit = "UPDATE diagent.migrations SET checksum = 'another' WHERE file = 'leads/v2.sql'";
    sqlx::query(edit).execute(&pool).await.expect("edited");

    let error = migrate(&pool).await.expect_err("refused");

    assert!(
        matches!(&error, MigrateError::Altered { file } if file == "leads/v2.sql"),
        "{error}"
    );
}
