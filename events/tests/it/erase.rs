//! Erasure: everything goes, every gap is explained, tokens die.

use std::collections::HashSet;

use events::{
    ConversationId, LogEvent, MessageId, Partition, Subject, Timestamp,
    cloud_event::Meta,
    conversation::Conversation,
    log::FrameWriter,
    tokens::FrameBody,
    visitor::{Command, SequenceRange, Visitor, VisitorEvent},
};

use crate::support::{AGENT, Bench, Someone, clear, connect, post, recorded, run};

#[tokio::test]
async fn only_a_tombstone_is_left_and_it_explains_every_gap() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (gone, stays) = (Someone::new(), Someone::new());
    arrive(&log, &gone).await;
    arrive(&log, &stays).await;
    run(&log, &gone.conversation(), post("my secret")).await;
    run(&log, &stays.conversation(), post("hello")).await;
    run(&log, &gone.conversation(), clear()).await;
    let before = sequences(&log, &gone).await;

    let erasure = log
        .erase_visitor(AGENT, gone.visitor_id, &Meta::default())
        .await
        .expect("erased");

    assert_eq!(
        log.subjects_of_visitor(AGENT, gone.visitor_id).await.expect("subjects"),
        [gone.visitor()]
    );
    let left = log.events_of(&gone.visitor()).await.expect("events");
    let [tombstone] = &left[..] else { panic!("{left:?}") };
    assert_eq!(tombstone.position, erasure.position);
    let LogEvent::Visitor(VisitorEvent::Erased {
        removed, receipt_id, ..
    }) = &tombstone.event
    else {
        panic!()
    };
    assert_eq!(*receipt_id, erasure.receipt_id);
    assert_eq!(*removed, SequenceRange::from_sequences(before));
    assert_eq!(log.events_of(&stays.conversation()).await.expect("events").len(), 1);
}

#[tokio::test]
async fn a_second_erasure_explains_what_the_first_removed() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    arrive(&log, &someone).await;
    let mut all = sequences(&log, &someone).await;
    let first = log
        .erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");
    all.push(first.position.sequence);
    arrive(&log, &someone).await;
    all.extend(sequences(&log, &someone).await.last());

    log.erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");

    let left = log.events_of(&someone.visitor()).await.expect("events");
    let [tombstone] = &left[..] else { panic!("{left:?}") };
    let LogEvent::Visitor(VisitorEvent::Erased { removed, .. }) = &tombstone.event else {
        panic!()
    };
    assert_eq!(*removed, SequenceRange::from_sequences(all));
}

#[tokio::test]
async fn what_is_left_of_an_erased_conversation_goes_and_who_came_back_stays() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    let own = HashSet::from([someone.conversation_id]);
    let finish = async || {
        let visitor = (someone.visitor_id, &own);
        let finished = log.finish_erasure(AGENT, visitor, &Meta::default()).await;
        finished.expect("the log")
    };
    let standing = async || log.events_of(&someone.visitor()).await.expect("events").len();
    arrive(&log, &someone).await;
    run(&log, &someone.conversation(), post("my secret")).await;
    finish().await.expect("nothing was erased yet");
    assert!(finish().await.is_none(), "it is finished");

    arrive(&log, &someone).await;
    assert!(finish().await.is_none(), "this is another stay");
    assert_eq!(standing().await, 2);

    let late = Meta {
        conversation_id: Some(someone.conversation_id),
        ..Meta::default()
    };
    let event = recorded(&someone, "cta.click");
    log.append(&someone.telemetry(), &[event], &late).await.expect("stored");
    finish().await.expect("something came late");
    assert!(log.events_of(&someone.telemetry()).await.expect("events").is_empty());
    assert!(finish().await.is_none(), "the tombstone alone is left");
}

#[tokio::test]
async fn an_erased_state_is_not_remembered_anywhere() {
    let Bench { log, nats } = Bench::start().await;
    let other = connect(&nats).await;
    let someone = Someone::new();
    run(&log, &someone.conversation(), post("my secret")).await;
    let loaded = other
        .load::<Conversation>(&someone.conversation())
        .await
        .expect("state");
    other
        .save_snapshot(&someone.conversation(), &loaded)
        .await
        .expect("a snapshot");

    log.erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");

    for log in [log, other, connect(&nats).await] {
        let state = log.load::<Conversation>(&someone.conversation()).await.expect("state");
        assert_eq!((state.sequence, state.state.recent_messages().len()), (0, 0));
    }
}

#[tokio::test]
async fn frames_and_snapshots_go_as_well_and_those_of_meanwhile_when_somebody_looks_again() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    let (conversation_id, answer_id) = (someone.conversation_id, MessageId::generate());
    let mut writer = FrameWriter::begin(&log, (conversation_id, answer_id), 1, log.clock().now())
        .await
        .expect("a writer");
    run(&log, &someone.conversation(), post("my secret")).await;
    let loaded = log.load::<Conversation>(&someone.conversation()).await.expect("state");
    let mut answer = async || {
        let citations = vec![];
        writer.send(FrameBody::Citations { citations }).await.expect("sent");
        log.save_snapshot(&someone.conversation(), &loaded)
            .await
            .expect("a snapshot");
    };
    let left = async || {
        let mut left = 0;
        for name in ["TOKENS", "SNAPSHOTS"] {
            let stream = log.jetstream().get_stream(name).await.expect("the stream");
            left += stream.cached_info().state.messages;
        }
        left
    };
    answer().await;
    assert!(left().await >= 2);

    log.erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");
    assert_eq!(left().await, 0);

    answer().await;
    let own = HashSet::from([conversation_id]);
    let finished = log
        .finish_erasure(AGENT, (someone.visitor_id, &own), &Meta::default())
        .await
        .expect("the log");
    assert!(finished.is_none(), "no event came late");
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn what_comes_after_an_erasure_is_not_added_to_what_was_before_it() {
    let Bench { log, nats } = Bench::start().await;
    let other = connect(&nats).await;
    let someone = Someone::new();
    run(&log, &someone.conversation(), post("my secret")).await;
    other
        .load::<Conversation>(&someone.conversation())
        .await
        .expect("remembered");

    log.erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");
    run(&log, &someone.conversation(), post("hello again")).await;

    let state = other
        .load::<Conversation>(&someone.conversation())
        .await
        .expect("state")
        .state;
    let said: Vec<&str> = state
        .recent_messages()
        .map(|message| message.content.expose().as_str())
        .collect();
    assert_eq!(said, ["hello again"]);
}

#[tokio::test]
async fn the_tokens_of_an_erased_visitor_die_on_every_instance() {
    let Bench { log, nats } = Bench::start().await;
    let elsewhere = connect(&nats).await.revocations().await.expect("revocations");
    let someone = Someone::new();
    run(&log, &someone.conversation(), post("hello")).await;
    let issued_at = log.clock().now();

    log.erase_visitor(AGENT, someone.visitor_id, &Meta::default())
        .await
        .expect("erased");

    let learned = async {
        while !elsewhere.is_revoked(someone.visitor_id, someone.conversation_id, issued_at) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), learned)
        .await
        .expect("the other instance learns of it");
    let fresh = ConversationId::generate();
    assert!(!elsewhere.is_revoked(
        someone.visitor_id,
        fresh,
        Timestamp::from_unix_millis(issued_at.unix_millis() + 2_000)
    ));
    let later = connect(&nats).await.revocations().await.expect("revocations");
    assert!(
        later.is_revoked(someone.visitor_id, someone.conversation_id, issued_at),
        "also one that starts later"
    );
}

#[tokio::test]
async fn an_instance_that_starts_between_two_erasures_hears_of_each_once() {
    let Bench { log, nats } = Bench::start().await;
    let (before, after) = (Someone::new(), Someone::new());
    let erase = async |someone: &Someone| {
        run(&log, &someone.conversation(), post("hello")).await;
        let erased = log.erase_visitor(AGENT, someone.visitor_id, &Meta::default()).await;
        erased.expect("erased");
    };
    erase(&before).await;
    let revocations = connect(&nats).await.revocations().await.expect("revocations");
    let mut changes = revocations.changes();
    assert!(revocations.is_forgotten(before.conversation_id));
    assert!(!revocations.is_forgotten(after.conversation_id));

    erase(&after).await;

    let learned = async {
        while !revocations.is_forgotten(after.conversation_id) {
            changes.changed().await.expect("it follows");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), learned)
        .await
        .expect("it learns of the second");
    let both = [before, after];
    let heard = revocations.between(Timestamp::from_unix_millis(0), log.clock().now());
    let heard: Vec<_> = heard.iter().map(|erased| erased.visitor_id).collect();
    assert_eq!(heard, both.map(|someone| someone.visitor_id));
    assert_eq!(
        revocations.conversations(),
        HashSet::from(both.map(|someone| someone.conversation_id))
    );
}

async fn arrive(log: &events::Log, someone: &Someone) {
    let command = Command::Arrive {
        locale: None,
        page_url: None,
        at: log.clock().now(),
    };
    log.execute::<Visitor>(&someone.visitor(), command, &Meta::default())
        .await
        .expect("arrived");
}

async fn sequences(log: &events::Log, someone: &Someone) -> Vec<u64> {
    let subjects: [Subject; 2] = [someone.visitor(), someone.conversation()];
    let mut sequences = Vec::new();
    for subject in subjects {
        sequences.extend(
            log.events_of(&subject)
                .await
                .expect("events")
                .iter()
                .map(|event| event.position.sequence),
        );
    }
    assert!(matches!(someone.visitor().partition(2), Partition::Events(_)));
    sequences.sort_unstable();
    sequences
}
