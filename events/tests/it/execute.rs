//! Aggregates on the log: conflicts, reloads, snapshots.

use events::{
    LogEvent,
    cloud_event::Meta,
    conversation::{Conversation, ConversationEvent, Refusal},
    log::ExecuteError,
};
use futures::future::join_all;

use crate::support::{Bench, Someone, clear, connect, post, run};

#[tokio::test]
async fn a_command_is_stored_with_its_position() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let subject = Someone::new().conversation();

    let first = run(&log, &subject, post("one")).await;
    let second = run(&log, &subject, clear()).await;

    assert!(second.position.sequence > first.position.sequence);
    let stored = log.events_of(&subject).await.expect("events");
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[1].position, second.position);
    assert!(matches!(
        stored[0].event,
        LogEvent::Conversation(ConversationEvent::MessagePosted { .. })
    ));
}

#[tokio::test]
async fn a_refusal_is_decided_on_the_newest_state() {
    let Bench { log, nats } = Bench::start().await;
    let other = connect(&nats).await;
    let subject = Someone::new().conversation();
    run(&log, &subject, post("one")).await;

    // The other process ends the turn; this one still remembers it as open.
    run(&other, &subject, clear()).await;

    run(&log, &subject, post("two")).await;
}

#[tokio::test]
async fn a_refusal_names_its_reason() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let subject = Someone::new().conversation();
    run(&log, &subject, post("one")).await;

    let refused = log
        .execute::<Conversation>(&subject, post("two"), &Meta::default())
        .await;

    assert!(matches!(
        refused,
        Err(ExecuteError::Refused(Refusal::TurnInProgress { .. }))
    ));
    assert_eq!(log.events_of(&subject).await.expect("events").len(), 1);
}

#[tokio::test]
async fn of_many_racing_processes_one_opens_the_turn() {
    let Bench { log, nats } = Bench::start().await;
    let logs = [log, connect(&nats).await, connect(&nats).await, connect(&nats).await];
    for _ in 0..10 {
        let subject = Someone::new().conversation();
        let races = logs.iter().map(|log| async move {
            log.execute::<Conversation>(&subject, post("me"), &Meta::default())
                .await
        });
        let outcomes = join_all(races).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let refused = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(ExecuteError::Refused(_))))
            .count();
        assert_eq!((won, refused), (1, 3), "{outcomes:?}");
    }
}

#[tokio::test]
async fn racing_commands_that_are_all_accepted_are_all_stored() {
    let Bench { log, nats } = Bench::start().await;
    let other = connect(&nats).await;
    let subject = Someone::new().conversation();
    let commands = (0..10).map(|index| {
        let log = if index % 2 == 0 { &log } else { &other };
        async move { run(log, &subject, clear()).await.position }
    });

    let mut positions = join_all(commands).await;

    positions.sort();
    positions.dedup();
    assert_eq!(positions.len(), 10);
}

#[tokio::test]
async fn a_snapshot_and_its_tail_are_the_whole_state() {
    let Bench { log, nats } = Bench::start().await;
    let subject = Someone::new().conversation();
    run(&log, &subject, post("one")).await;
    let loaded = log.load::<Conversation>(&subject).await.expect("state");
    log.save_snapshot(&subject, &loaded).await.expect("a snapshot");
    run(&log, &subject, clear()).await;

    let stranger = connect(&nats).await;
    let from_snapshot = stranger.load::<Conversation>(&subject).await.expect("state");

    let expected = log.load::<Conversation>(&subject).await.expect("state");
    assert_eq!(from_snapshot.sequence, expected.sequence);
    assert_eq!(
        serde_json::to_value(&*from_snapshot.state).expect("JSON"),
        serde_json::to_value(&*expected.state).expect("JSON")
    );
}

#[tokio::test]
async fn a_conversation_is_found_by_its_id_alone() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    run(&log, &someone.conversation(), post("one")).await;

    let found = log.find_conversation(someone.conversation_id).await.expect("an answer");
    let unknown = log
        .find_conversation(Someone::new().conversation_id)
        .await
        .expect("an answer");

    assert_eq!(found, Some(someone.conversation()));
    assert_eq!(unknown, None);
}
