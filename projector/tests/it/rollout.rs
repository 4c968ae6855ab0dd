//! A changed projection is rolled out as `migrations/README.md` says: a newer binary beside an older one, each with its own
//! version, and readers who see one of them whole.

use events::{Category, LogEvent, Recorded, conversation::ConversationEvent};
use projector::{Projection, Registered, versions};
use sqlx::PgConnection;

use crate::support::{Bench, Someone, posted};

/// What visitors wrote.
struct Older;

/// The same with its length, which is how its table differs.
struct Newer;

impl Projection for Older {
    const NAME: &'static str = "notes";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["notes"];
    const SCHEMA: &'static str = "CREATE TABLE notes (content text NOT NULL)";

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let sql = "INSERT INTO notes (content) SELECT * FROM unnest($1::text[])";
        sqlx::query(sql).bind(contents(batch)).execute(connection).await?;
        Ok(())
    }
}

impl Projection for Newer {
    const NAME: &'static str = Older::NAME;
    const VERSION: u32 = 2;
    const CATEGORIES: &'static [Category] = Older::CATEGORIES;
    const EXPOSES: &'static [&'static str] = Older::EXPOSES;
    const SCHEMA: &'static str = "CREATE TABLE notes (content text NOT NULL, chars integer NOT NULL)";

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let sql = "INSERT INTO notes (content, chars) SELECT c, length(c) FROM unnest($1::text[]) AS n (c)";
        sqlx::query(sql).bind(contents(batch)).execute(connection).await?;
        Ok(())
    }
}

fn contents(batch: &[Recorded]) -> Vec<String> {
    let posted = batch.iter().filter_map(|recorded| match &recorded.event {
        LogEvent::Conversation(ConversationEvent::MessagePosted { content, .. }) => Some(content.expose().clone()),
        _ => None,
    });
    posted.collect()
}

fn older() -> Vec<Registered> {
    vec![Registered::new(Older)]
}

fn newer() -> Vec<Registered> {
    vec![Registered::new(Newer)]
}

const COUNT: &str = "SELECT count(*) FROM read.notes";
const COLUMNS: &str = "SELECT column_name::text FROM information_schema.columns
    WHERE table_schema = 'read' AND table_name = 'notes' ORDER BY ordinal_position";

#[tokio::test]
async fn an_older_binary_keeps_the_live_version_current_while_a_newer_one_builds_the_next() {
    let bench = Bench::start().await;
    let everybody = [0, 1].map(Someone::in_partition);
    let write = async |text: &str| {
        for someone in &everybody {
            bench.append(&someone.conversation(), &[posted(text)]).await;
        }
    };
    let promote = async |version| {
        let mut connection = bench.pool.acquire().await.expect("a connection");
        versions::promote(&mut connection, "notes", version)
            .await
            .expect("promoted");
    };
    write("before the rollout").await;
    let old = bench.projector_of(older, &[]);
    bench.version_opened("notes", 1).await;
    bench.version_caught_up("notes", 1).await;

    let new = bench.projector_of(newer, &[]);
    bench.version_opened("notes", 2).await;
    write("beside each other").await;
    for version in [1, 2] {
        bench.version_caught_up("notes", version).await;
    }
    assert_eq!(bench.texts(COLUMNS).await, ["content"], "readers see the old version");
    assert_eq!(bench.number(COUNT).await, 4, "as it is now");

    promote(2).await;
    assert_eq!(bench.texts(COLUMNS).await, ["content", "chars"]);
    assert_eq!(bench.number(COUNT).await, 4, "the new one, whole");

    write("after the promotion").await;
    for version in [1, 2] {
        bench.version_caught_up("notes", version).await;
    }
    promote(1).await;
    assert_eq!(
        bench.number(COUNT).await,
        6,
        "who goes back while the old binary runs goes back to now"
    );
    promote(2).await;

    old.kill();
    write("without the old binary").await;
    bench.version_caught_up("notes", 2).await;
    assert_eq!(bench.number(COUNT).await, 8, "the new one needs no old one");
    assert_eq!(
        bench.number("SELECT count(*) FROM notes_v1.notes").await,
        6,
        "and does not touch what it does not know"
    );

    let old = bench.projector_of(older, &[]);
    bench.version_caught_up("notes", 1).await;
    assert_eq!(
        bench.number("SELECT count(*) FROM notes_v1.notes").await,
        8,
        "an old one that is started again goes on"
    );
    assert_eq!(
        bench.texts(COLUMNS).await,
        ["content", "chars"],
        "and changes nothing for readers"
    );
    for process in [old, new] {
        process.stop().await;
    }
}
