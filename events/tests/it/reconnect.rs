//! A server that goes away and comes back.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use embedded::testing;
use events::{
    Clock, Log, MessageId, Partition,
    cloud_event::Meta,
    conversation::Conversation,
    directory::Directory,
    log::{Counter, ExecuteError, FrameWriter, LogConfig, LogError, next_fetched},
    tokens::FrameBody,
};

use crate::support::{Bench, Someone, clear, config, post, run};

#[tokio::test]
async fn a_server_that_dies_while_the_log_is_made_costs_the_starting_process_nothing_but_time() {
    let mut nats = testing::nats().await;
    let many = LogConfig {
        partitions: 64,
        ..config(&nats)
    };
    let starting = tokio::spawn(async move { Log::connect(&many, Clock::default()).await });
    let first = nats.store().join("jetstream/$G/streams/CONTROL");
    while !first.exists() {
        tokio::task::yield_now().await;
    }

    nats.kill();
    nats.restart().await;

    let log = starting.await.expect("no panic").expect("a log");
    log.ping().await.expect("it answers");
}

#[tokio::test]
async fn what_a_starting_process_reads_first_waits_for_a_server_that_is_away() {
    let Bench { log, mut nats } = Bench::start().await;
    nats.kill();
    let (directory, revocations) = (log.clone(), log.clone());
    let directory = tokio::spawn(async move { Directory::follow(&directory).await.map(drop) });
    let revocations = tokio::spawn(async move { revocations.revocations().await.map(drop) });
    // When this one has given up, theirs would have as well.
    log.last_sequence(Partition::Control)
        .await
        .expect_err("nobody is there");

    nats.restart().await;

    directory.await.expect("no panic").expect("the directory is followed");
    revocations
        .await
        .expect("no panic")
        .expect("the revocations are followed");
}

#[tokio::test]
async fn while_the_server_is_away_writes_say_so_and_recover_by_themselves() {
    let Bench { log, mut nats } = Bench::start().await;
    let subject = Someone::new().conversation();
    run(&log, &subject, post("before")).await;

    nats.kill();
    let away = log.execute::<Conversation>(&subject, clear(), &Meta::default()).await;
    assert!(
        matches!(
            away,
            Err(ExecuteError::Log(LogError::Unreachable | LogError::Unacknowledged))
        ),
        "{away:?}"
    );
    assert!(log.ping().await.is_err());

    nats.restart().await;
    let recovered = async {
        while log
            .execute::<Conversation>(&subject, clear(), &Meta::default())
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), recovered)
        .await
        .expect("it recovers");
    log.ping().await.expect("it answers");
    let stored = log.events_of(&subject).await.expect("events");
    assert_eq!(stored[0].position.sequence, 1, "what was acknowledged before is there");
}

#[tokio::test]
async fn a_command_that_meets_a_short_outage_is_stored_once() {
    let Bench { log, nats } = Bench::start().await;
    let subject = Someone::new().conversation();
    run(&log, &subject, post("before")).await;

    nats.pause();
    let command = {
        let log = log.clone();
        tokio::spawn(async move { run(&log, &subject, clear()).await })
    };
    // Longer than one attempt waits, so that the command is sent again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    nats.resume();

    command.await.expect("the command is answered");
    assert_eq!(log.events_of(&subject).await.expect("events").len(), 2);
}

#[tokio::test]
async fn what_a_restart_takes_from_memory_is_made_again() {
    let Bench { log, mut nats } = Bench::start().await;
    let Someone { conversation_id, .. } = Someone::new();
    let answer_id = MessageId::generate();
    let window = Counter::Window {
        bucket: "test",
        key: "k",
        window: Duration::from_mins(1),
    };
    log.count(window, log.clock().now()).await.expect("a count");

    nats.kill();
    nats.restart().await;

    let counted = async {
        while log.count(window, log.clock().now()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), counted)
        .await
        .expect("limits are counted again");
    let ids = (conversation_id, answer_id);
    let mut writer = FrameWriter::resume(&log, ids, 1, 0);
    let done = FrameBody::Done {
        conversation_id,
        message_id: answer_id,
        finish_reason: None,
        low_confidence: false,
    };
    writer.send(done).await.expect("a frame");
    let stored = log.frames_after(conversation_id, answer_id, 0).await.expect("frames");
    assert_eq!(stored.len(), 1, "answers can be resumed again");
}

#[tokio::test]
async fn a_fetch_from_a_server_that_gives_no_sign_ends() {
    let Bench { log, nats } = Bench::start().await;
    let stream = log.jetstream().get_stream("CONTROL").await.expect("the stream");
    let consumer = stream
        .create_consumer(pull::Config::default())
        .await
        .expect("a consumer");
    nats.pause();

    // One that is only about to stop still answers.
    let mut is_answered = true;
    while is_answered {
        let mut batch = consumer.fetch().messages().await.expect("it is sent");
        is_answered = next_fetched(&mut batch).await.is_ok();
    }
}
