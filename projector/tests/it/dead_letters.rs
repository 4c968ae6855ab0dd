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
        let is_bomb = |recorded: &Recorded| {
            matches!(&recorded.event, LogEvent::Conversation(ConversationEvent::MessagePosted { content, .. })
                if content.expose() == "bomb")
        };
        assert!(!batch.iter().any(is_bomb), "it cannot even be looked at");
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
async fn an_event_that_makes_the_code_panic_is_set_aside_too() {
    let Scene {
        bench,
        process,
        healthy,
        ..
    } = Scene::start().await;
    bench.append(&healthy.conversation(), &[posted("bomb")]).await;
    let other = Someone::in_partition(0);
    bench.append(&other.conversation(), &[posted("still there")]).await;
    bench.version_caught_up("fussy", 1).await;

    assert_eq!(bench.texts(NOTES).await.last().map(String::as_str), Some("still there"));
    assert_eq!(
        bench.texts(LETTERS).await,
        ["dead 3", "waiting 4", "waiting 6", "dead 7"]
    );
    process.stop().await;
}

/// Stores what a newer binary would have written after the first event of `someone`'s: that event, with a change.
async fn append_newer(bench: &Bench, someone: &Someone, (known, newer): (&str, &str)) {
    let subject: Subject = someone.conversation();
    let partition = subject.partition(2);
    let stream = bench.log.stream(partition).await.expect("the stream");
    let first = stream
        .get_first_raw_message_by_subject(subject.text(2), 1)
        .await
        .expect("the first");
    let text = String::from_utf8(first.payload.to_vec()).expect("JSON");
    assert!(text.contains(known), "{text}");
    let before = bench.log.last_sequence(partition).await.expect("the log");
    let client = bench.log.client();
    client
        .publish(subject.text(2), text.replace(known, newer).into())
        .await
        .expect("published");
    client.flush().await.expect("sent");
    until("it is stored", async || {
        bench.log.last_sequence(partition).await.expect("the log") == before + 1
    })
    .await;
}

#[tokio::test]
async fn events_of_a_newer_binary_are_set_aside_and_read_by_the_newer_one() {
    let bench = Bench::start().await;
    let (by_type, by_version) = (Someone::in_partition(0), Someone::in_partition(0));
    bench.append(&by_type.conversation(), &[posted("one")]).await;
    bench.append(&by_version.conversation(), &[posted("uno")]).await;
    append_newer(&bench, &by_type, ("message.posted", "message.teleported")).await;
    append_newer(&bench, &by_version, ("message.posted:1", "message.posted:9")).await;
    bench.append(&by_type.conversation(), &[posted("three")]).await;
    let other = Someone::in_partition(0);
    bench.append(&other.conversation(), &[posted("beside")]).await;

    let older = bench.projector_only(&["usage"]);
    bench.caught_up("usage").await;

    assert_eq!(
        bench.number("SELECT messages FROM read.usage").await,
        3,
        "the rest goes on"
    );
    assert_eq!(bench.texts(LETTERS).await, ["dead 3", "dead 4", "waiting 5"]);
    assert_eq!(
        bench
            .texts("SELECT event_type FROM read.dead_letters WHERE state = 'dead' ORDER BY sequence")
            .await,
        ["diagent.message.teleported", "diagent.message.posted"]
    );
    older.stop().await;

    // To this binary the letters become what they are to one that knows them.
    let known = "UPDATE diagent.dead_letters SET payload = convert_to(replace(replace(
        convert_from(payload, 'UTF8'), 'teleported', 'posted'), 'posted:9', 'posted:1'), 'UTF8')";
    sqlx::query(known).execute(&bench.pool).await.expect("known");
    let newer = bench.projector_only(&["usage"]);
    until("it read them by itself", async || bench.texts(LETTERS).await.is_empty()).await;
    assert_eq!(bench.number("SELECT messages FROM read.usage").await, 6);
    newer.stop().await;
}

#[tokio::test]
async fn an_unknown_event_holds_up_what_follows_it_until_it_is_skipped() {
    let bench = Bench::start().await;
    let (someone, other) = (Someone::in_partition(0), Someone::in_partition(0));
    bench.append(&someone.conversation(), &[posted("one")]).await;
    append_newer(&bench, &someone, ("message.posted", "message.teleported")).await;
    bench.append(&someone.conversation(), &[posted("three")]).await;
    bench.append(&other.conversation(), &[posted("beside")]).await;
    let process = bench.projector_of(|| vec![Registered::new(Fussy)], &[]);
    until("it is set aside", async || {
        bench.checkpoint("fussy", 1, "0").await == Some(4)
    })
    .await;
    assert_eq!(bench.texts(NOTES).await, ["one", "beside"]);

    assert!(operate::retry(&bench.pool, Scene::letter(2)).await.expect("asked"));
    until("it was tried again", async || {
        bench
            .number("SELECT attempts::bigint FROM read.dead_letters WHERE sequence = 2")
            .await
            == 2
    })
    .await;
    assert_eq!(bench.texts(LETTERS).await, ["dead 2", "waiting 3"]);
    assert_eq!(bench.texts(NOTES).await, ["one", "beside"]);

    assert!(operate::skip(&bench.pool, Scene::letter(2)).await.expect("asked"));
    bench.append(&someone.conversation(), &[posted("four")]).await;
    bench.version_caught_up("fussy", 1).await;
    until("none is left", async || bench.texts(LETTERS).await.is_empty()).await;
    assert_eq!(bench.texts(NOTES).await, ["one", "beside", "three", "four"]);
    process.stop().await;
}
