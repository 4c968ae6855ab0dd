//! Poison never stops the rest: it is set aside with what follows on its subject, until an operator decides.

use events::{Category, LogEvent, Recorded, Subject, conversation::ConversationEvent};
use projector::{
    Projection, Registered,
    operate::{self, Letter},
};
use sqlx::PgConnection;

use crate::support::{AGENT, Bench, Process, Someone, meta, posted, until};

/// Writes messages down in one statement, and cannot stand one of them until the database is mended.
struct Fussy;

impl Projection for Fussy {
    const NAME: &'static str = "fussy";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Conversation, Category::Visitor];
    const EXPOSES: &'static [&'static str] = &["notes"];
    const SCHEMA: &'static str = "CREATE TABLE notes (
            nth bigint GENERATED ALWAYS AS IDENTITY, content text NOT NULL, sequence bigint NOT NULL
        );
        CREATE TABLE IF NOT EXISTS public.mended (at timestamptz)";

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let (contents, sequences): (Vec<String>, Vec<i64>) = batch
            .iter()
            .filter_map(|recorded| match &recorded.event {
                LogEvent::Conversation(ConversationEvent::MessagePosted { content, .. }) => Some((
                    content.expose().clone(),
                    i64::try_from(recorded.position.sequence).expect("small"),
                )),
                _ => None,
            })
            .unzip();
        let sql = "INSERT INTO notes (content, sequence)
            SELECT content, sequence / (content <> 'poison' OR EXISTS (SELECT FROM mended))::integer
            FROM unnest($1::text[], $2::bigint[]) AS n (content, sequence)";
        sqlx::query(sql)
            .bind(contents)
            .bind(sequences)
            .execute(connection)
            .await?;
        Ok(())
    }
}

const NOTES: &str = "SELECT content FROM read.notes ORDER BY nth";
const LETTERS: &str = "SELECT state || ' ' || sequence FROM read.dead_letters ORDER BY sequence";

struct Scene {
    bench: Bench,
    process: Process,
    poisoned: Someone,
    healthy: Someone,
}

impl Scene {
    /// One conversation with a poisonous second message, and one beside it.
    async fn start() -> Self {
        let bench = Bench::start().await;
        let (poisoned, healthy) = (Someone::in_partition(0), Someone::in_partition(0));
        bench.append(&poisoned.conversation(), &[posted("one")]).await;
        bench.append(&healthy.conversation(), &[posted("beside")]).await;
        bench
            .append(&poisoned.conversation(), &[posted("poison"), posted("three")])
            .await;
        let process = bench.projector_of(|| vec![Registered::new(Fussy)], &[]);
        until("the poison is set aside", async || {
            bench.checkpoint("fussy", 1, "0").await == Some(4)
        })
        .await;
        bench.append(&healthy.conversation(), &[posted("beside again")]).await;
        bench.append(&poisoned.conversation(), &[posted("four")]).await;
        bench.version_caught_up("fussy", 1).await;
        Self {
            bench,
            process,
            poisoned,
            healthy,
        }
    }

    const fn letter(sequence: i64) -> Letter<'static> {
        Letter {
            projection: "fussy",
            version: 1,
            partition: "0",
            sequence,
        }
    }
}

#[tokio::test]
async fn poison_waits_with_what_follows_it_and_the_rest_goes_on() {
    let Scene { bench, process, .. } = Scene::start().await;
    assert_eq!(bench.texts(NOTES).await, ["one", "beside", "beside again"]);
    assert_eq!(bench.texts(LETTERS).await, ["dead 3", "waiting 4", "waiting 6"]);
    assert_eq!(
        bench
            .texts("SELECT error FROM read.dead_letters WHERE error IS NOT NULL")
            .await
            .len(),
        1
    );
    process.stop().await;
}

#[tokio::test]
async fn a_retry_applies_it_and_what_waited_in_order() {
    let Scene {
        bench,
        process,
        poisoned,
        ..
    } = Scene::start().await;
    assert!(
        !operate::retry(&bench.pool, Scene::letter(4)).await.expect("asked"),
        "it is not its turn"
    );
    assert!(operate::retry(&bench.pool, Scene::letter(3)).await.expect("asked"));
    until("it failed again", async || {
        bench
            .number("SELECT attempts::bigint FROM read.dead_letters WHERE sequence = 3")
            .await
            == 2
    })
    .await;
    assert_eq!(bench.texts(LETTERS).await, ["dead 3", "waiting 4", "waiting 6"]);

    sqlx::query("INSERT INTO public.mended VALUES (now())")
        .execute(&bench.pool)
        .await
        .expect("mended");
    assert!(operate::retry(&bench.pool, Scene::letter(3)).await.expect("asked"));
    until("none is left", async || bench.texts(LETTERS).await.is_empty()).await;
    bench.append(&poisoned.conversation(), &[posted("five")]).await;
    bench.version_caught_up("fussy", 1).await;

    assert_eq!(
        bench.texts(NOTES).await,
        ["one", "beside", "beside again", "poison", "three", "four", "five"]
    );
    process.stop().await;
}

#[tokio::test]
async fn a_skip_leaves_it_out_and_applies_what_waited() {
    let Scene { bench, process, .. } = Scene::start().await;
    assert!(operate::skip(&bench.pool, Scene::letter(3)).await.expect("asked"));
    until("none is left", async || bench.texts(LETTERS).await.is_empty()).await;
    assert_eq!(
        bench.texts(NOTES).await,
        ["one", "beside", "beside again", "three", "four"]
    );
    process.stop().await;
}

#[tokio::test]
async fn an_erasure_takes_the_letters_of_the_visitor_too() {
    let Scene {
        bench,
        process,
        poisoned,
        healthy,
    } = Scene::start().await;
    bench
        .log
        .erase_visitor(AGENT, poisoned.visitor_id, &meta())
        .await
        .expect("erased");
    bench.version_caught_up("fussy", 1).await;
    assert!(bench.texts(LETTERS).await.is_empty(), "nothing of the visitor is left");

    bench.append(&poisoned.conversation(), &[posted("a stranger")]).await;
    bench.append(&healthy.conversation(), &[posted("poison")]).await;
    bench.version_caught_up("fussy", 1).await;
    assert_eq!(bench.texts(NOTES).await.last().map(String::as_str), Some("a stranger"));
    process.stop().await;
}

#[tokio::test]
async fn an_event_of_a_newer_binary_is_set_aside_until_this_one_is_newer_too() {
    let bench = Bench::start().await;
    let (someone, other) = (Someone::in_partition(0), Someone::in_partition(0));
    bench.append(&someone.conversation(), &[posted("one")]).await;
    let subject: Subject = someone.conversation();
    let known = bench
        .log
        .stream(subject.partition(2))
        .await
        .expect("the stream")
        .get_raw_message(1)
        .await
        .expect("the first");
    let unknown = String::from_utf8(known.payload.to_vec())
        .expect("JSON")
        .replace("message.posted", "message.teleported");
    bench
        .log
        .client()
        .publish(subject.text(2), unknown.into())
        .await
        .expect("published");
    bench.log.client().flush().await.expect("sent");
    until("it is stored", async || {
        bench.log.last_sequence(subject.partition(2)).await.expect("the log") == 2
    })
    .await;
    bench.append(&someone.conversation(), &[posted("three")]).await;
    bench.append(&other.conversation(), &[posted("beside")]).await;

    let process = bench.projector_only(&["conversations"]);
    bench.caught_up("conversations").await;

    assert_eq!(
        bench.texts("SELECT content FROM read.messages ORDER BY sequence").await,
        ["one", "beside"]
    );
    assert_eq!(bench.texts(LETTERS).await, ["dead 2", "waiting 3"]);
    assert_eq!(
        bench
            .texts("SELECT event_type FROM read.dead_letters WHERE state = 'dead'")
            .await,
        ["diagent.message.teleported"]
    );
    process.stop().await;
}
