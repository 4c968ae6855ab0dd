//! A version is compared with the log while it is written; what is right is not called wrong, and what is wrong is found.

use std::sync::Mutex;

use events::visitor::VisitorEvent;
use projector::{
    Registered, Stores, registry,
    verify::{self, Finding, Report, Row, VerifyError},
};

use crate::support::{AGENT, Bench, Someone, answered, meta, posted, posted_for, until};

async fn verify(bench: &Bench, projection: &str) -> Result<Report, VerifyError> {
    let all = registry::all();
    let registered = all.iter().find(|one| one.name == projection).expect("it is there");
    // The first version of a definition has its number.
    let version = i32::try_from(registered.definition).expect("a small number");
    verify_version(bench, registered, version).await
}

async fn verify_version(bench: &Bench, projection: &Registered, version: i32) -> Result<Report, VerifyError> {
    let stores = Stores {
        log: bench.log.clone(),
        pool: bench.pool.clone(),
    };
    verify::verify(&stores, projection, version, &|_| {}).await
}

/// What differs, as a person reads it.
fn differences(report: &Report) -> Vec<String> {
    let wrong = report.chunks.iter().filter(|chunk| !chunk.finding.is_right());
    wrong
        .map(|chunk| format!("{} {:?} {:?}", chunk.table, chunk.partition, chunk.finding))
        .collect()
}

async fn execute(bench: &Bench, sql: &'static str) {
    sqlx::query(sql).execute(&bench.pool).await.expect(sql);
}

/// A conversation with an answer, in each partition.
async fn converse(bench: &Bench) -> [Someone; 2] {
    let people = [0, 1].map(Someone::in_partition);
    for someone in &people {
        bench.append(&someone.visitor(), &[someone.started()]).await;
        let answer_id = events::MessageId::generate();
        let turn = [
            posted_for("May I return it?", answer_id),
            answered(answer_id, "Within 30 days.", false),
        ];
        bench.append(&someone.conversation(), &turn).await;
    }
    people
}

#[tokio::test]
async fn every_projection_is_the_same_as_the_log_while_writes_go_on() {
    let bench = Bench::start().await;
    let process = bench.projector();
    converse(&bench).await;
    bench.telemetry(8, 2_000).await;
    bench.caught_up("conversations").await;

    let writing = async {
        for _ in 0..20 {
            bench.telemetry(8, 400).await;
            converse(&bench).await;
        }
    };
    let verifying = async {
        for projection in registry::all() {
            // The first version of a definition has its number.
            let version = i32::try_from(projection.definition).expect("a small number");
            bench.version_opened(projection.name, version).await;
            let report = verify_version(&bench, &projection, version)
                .await
                .expect(projection.name);
            assert!(report.is_same(), "{projection:?}: {:?}", differences(&report));
            assert!(!report.partitions.is_empty(), "{projection:?}");
        }
    };
    tokio::join!(writing, verifying);
    process.stop().await;
}

#[tokio::test]
async fn what_differs_is_named_without_saying_what_anybody_wrote() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["conversations"]);
    let [first, second] = converse(&bench).await;
    bench.caught_up("conversations").await;
    execute(
        &bench,
        "UPDATE conversations_v2.messages SET content = 'Never.' WHERE role = 'assistant' AND partition = 0",
    )
    .await;
    execute(&bench, "DELETE FROM conversations_v2.conversations WHERE partition = 1").await;

    let seen = Mutex::new(Vec::new());
    let all = registry::all();
    let conversations = all.iter().find(|one| one.name == "conversations").expect("it is there");
    let stores = Stores {
        log: bench.log.clone(),
        pool: bench.pool.clone(),
    };
    let progress = |progress| seen.lock().expect("no panic").push(progress);
    let report = verify::verify(&stores, conversations, 2, &progress)
        .await
        .expect("verified");

    assert!(!report.is_same());
    let findings: Vec<_> = report.chunks.iter().filter(|chunk| !chunk.finding.is_right()).collect();
    let [conversation, message] = &findings[..] else {
        panic!("{:?}", differences(&report));
    };
    let Finding::Differs { count: 1, rows } = &conversation.finding else {
        panic!("{conversation:?}");
    };
    assert!(
        matches!(&rows[..], [Row::Missing(key)] if key.contains(&second.conversation_id.to_string())),
        "{rows:?}"
    );
    let Finding::Differs { count: 1, rows } = &message.finding else {
        panic!("{message:?}");
    };
    assert!(
        matches!(&rows[..], [Row::Other { key, columns }]
            if key.contains(&first.conversation_id.to_string()) && columns == &["content"]),
        "{rows:?}"
    );
    let seen = seen.into_inner().expect("no panic");
    assert!(
        seen.last()
            .is_some_and(|last| last.done == last.total && last.total == 6),
        "{seen:?}"
    );
    process.stop().await;
}

#[tokio::test]
async fn an_erasure_is_no_difference_whether_the_version_has_reached_it_or_not() {
    let bench = Bench::start().await;
    let process = bench.projector();
    let [first, second] = converse(&bench).await;
    bench.telemetry(8, 200).await;
    for projection in ["conversations", "telemetry", "usage", "gaps", "erasures"] {
        bench.caught_up(projection).await;
    }
    bench
        .log
        .erase_visitor(AGENT, first.visitor_id, &meta())
        .await
        .expect("erased");
    for projection in ["conversations", "telemetry", "usage", "gaps", "erasures"] {
        bench.caught_up(projection).await;
        let report = verify(&bench, projection).await.expect("verified");
        assert!(report.is_same(), "{projection}: {:?}", differences(&report));
    }
    let usage = verify(&bench, "usage").await.expect("verified");
    assert!(
        usage.chunks.iter().any(|chunk| chunk.finding == Finding::Outlived),
        "what was used stays: {usage:?}"
    );
    execute(&bench, "UPDATE usage_v1.usage_by_partition SET messages = 0").await;
    assert!(
        !verify(&bench, "usage").await.expect("verified").is_same(),
        "less than the log shows is wrong"
    );
    execute(
        &bench,
        "INSERT INTO telemetry_v1.telemetry_counts_by_partition
        SELECT c.agent_id, c.day - n, c.event, c.rule_id, c.page, c.workspace_id, c.partition, 1
        FROM telemetry_v1.telemetry_counts_by_partition AS c, generate_series(1, 50) AS n",
    )
    .await;
    let report = verify(&bench, "telemetry").await.expect("verified");
    assert!(
        report.chunks.iter().all(|chunk| !chunk.finding.is_right()),
        "nor is what is more than was ever erased: {report:?}"
    );

    // The log has forgotten somebody, and the version has not heard of it: it is waited for.
    projector::operate::pause(&bench.pool, "conversations", None)
        .await
        .expect("paused");
    until("nobody writes", async || {
        bench
            .number("SELECT count(owner) FROM read.checkpoints WHERE projection = 'conversations'")
            .await
            == 0
    })
    .await;
    bench
        .log
        .erase_visitor(AGENT, second.visitor_id, &meta())
        .await
        .expect("erased");
    let resume = async {
        tokio::task::yield_now().await;
        projector::operate::resume(&bench.pool, "conversations", None)
            .await
            .expect("resumed")
    };
    let (report, _) = tokio::join!(verify(&bench, "conversations"), resume);
    let report = report.expect("verified");
    assert!(report.is_same(), "{:?}", differences(&report));
    process.stop().await;
}

#[tokio::test]
async fn a_log_that_lost_events_is_no_witness() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["conversations"]);
    let [someone, _] = converse(&bench).await;
    bench.append(&someone.conversation(), &[posted("And later?")]).await;
    bench.caught_up("conversations").await;
    let stream = bench
        .log
        .stream(events::Partition::Events(0))
        .await
        .expect("the stream");
    stream.delete_message(2).await.expect("lost");

    let error = verify(&bench, "conversations").await.expect_err("it cannot be folded");
    assert!(
        matches!(&error, VerifyError::Halted(why) if why.contains("2 to 2")),
        "{error}"
    );
    let error = verify_version(&bench, &registry::all()[0], 7)
        .await
        .expect_err("no version");
    assert!(matches!(error, VerifyError::NoVersion { .. }), "{error}");
    process.stop().await;
}

#[tokio::test]
async fn nothing_is_left_behind_when_it_is_given_up_in_the_middle() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["telemetry"]);
    bench.telemetry(8, 4_000).await;
    bench.caught_up("telemetry").await;
    let scratch = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname LIKE 'pg_temp%' AND c.relkind = 'r'";
    let begun = tokio::sync::Notify::new();
    let progress = |_| begun.notify_one();
    let all = registry::all();
    let telemetry = all.iter().find(|one| one.name == "telemetry").expect("it is there");
    let stores = Stores {
        log: bench.log.clone(),
        pool: bench.pool.clone(),
    };
    tokio::select! {
        _ = verify::verify(&stores, telemetry, 1, &progress) => panic!("it was not given up"),
        () = async {
            begun.notified().await;
            assert_eq!(bench.number(scratch).await, 1);
        } => {}
    }
    until("the scratch tables are gone", async || bench.number(scratch).await == 0).await;
    let visitors = bench.number("SELECT count(*) FROM read.telemetry_counts").await;
    assert!(visitors > 0, "the version stands");
    process.stop().await;
}

#[tokio::test]
async fn a_returning_visitor_is_folded_after_the_erasure_as_before() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["conversations"]);
    let [someone, _] = converse(&bench).await;
    bench
        .log
        .erase_visitor(AGENT, someone.visitor_id, &meta())
        .await
        .expect("erased");
    let again: VisitorEvent = someone.started();
    bench.append(&someone.visitor(), &[again]).await;
    bench.append(&someone.conversation(), &[posted("Hello again")]).await;
    bench.caught_up("conversations").await;

    let report = verify(&bench, "conversations").await.expect("verified");
    assert!(report.is_same(), "{:?}", differences(&report));
    let erased: u64 = report.partitions.iter().map(|compared| compared.erased).sum();
    assert_eq!(erased, 3);
    process.stop().await;
}
