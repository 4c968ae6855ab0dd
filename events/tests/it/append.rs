//! Facts that nobody decides, appended together.

use std::time::Duration;

use events::{LogEvent, cloud_event::Meta, log::Counter, telemetry::TelemetryEvent};
use futures::future::join_all;

use crate::support::{Bench, Someone, config, now, recorded};

#[tokio::test]
async fn what_many_requests_append_is_all_there_and_each_knows_its_position() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    let requests = (0..200).map(|index| {
        let log = &log;
        async move {
            let events = [
                recorded(&someone, &format!("e{index}.first")),
                recorded(&someone, &format!("e{index}.second")),
            ];
            let position = log
                .append(&someone.telemetry(), &events, &Meta::default())
                .await
                .expect("appended");
            (index, position)
        }
    });

    let answers = join_all(requests).await;

    let stored = log.events_of(&someone.telemetry()).await.expect("events");
    assert_eq!(stored.len(), 400);
    for (index, position) in answers {
        let last = stored
            .iter()
            .position(|event| event.position == position)
            .expect("the position exists");
        assert_eq!(name(&stored[last].event), format!("e{index}.second"));
        assert_eq!(
            name(&stored[last - 1].event),
            format!("e{index}.first"),
            "events of a request stand together"
        );
    }
}

#[tokio::test]
async fn single_events_are_stored_once_each_few_or_many_at_a_time() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let someone = Someone::new();
    // The largest number that is stored side by side is 40.
    let mut positions = Vec::new();
    for at_once in [1, 3, 40, 41, 300] {
        let requests = (0..at_once).map(|index| {
            let log = &log;
            async move {
                let name = format!("e{at_once}.{index}");
                let event = [recorded(&someone, &name)];
                let stored = log.append(&someone.telemetry(), &event, &Meta::default()).await;
                (stored.expect("appended"), name)
            }
        });
        positions.extend(join_all(requests).await);
    }

    let stored = log.events_of(&someone.telemetry()).await.expect("events");
    let mut found: Vec<_> = stored
        .iter()
        .map(|event| (event.position, name(&event.event).to_owned()))
        .collect();
    found.sort();
    positions.sort();
    assert_eq!(found, positions);
}

#[tokio::test]
async fn a_counter_counts_over_all_clones_and_gives_back() {
    let Bench { log, nats } = Bench::start().await;
    let other = crate::support::connect(&nats).await;
    let counter = Counter::Window {
        bucket: "test",
        key: "abc",
        window: Duration::from_mins(1),
    };

    let (now, later) = (now(), now().plus(Duration::from_mins(1)));
    assert_eq!(log.count(counter, now).await.expect("a total"), 1);
    assert_eq!(other.count(counter, now).await.expect("a total"), 2);
    assert_eq!(log.count(counter, later).await.expect("a total"), 1, "a new window");
    assert_eq!(
        log.refund(counter, now).await.expect("a total"),
        1,
        "of the window it was counted in"
    );
    assert_eq!(log.count(counter, later).await.expect("a total"), 2);
}

#[tokio::test]
async fn a_log_of_another_shape_is_an_error_that_names_the_field() {
    let Bench { nats, log: _log } = Bench::start().await;
    let wrong = events::log::LogConfig {
        partitions: 3,
        ..config(&nats)
    };

    let error = events::Log::connect(&wrong, events::Clock::default())
        .await
        .expect_err("another shape");

    assert_eq!(
        error.to_string(),
        "the stream CONTROL stands with partitions 2, and 3 was expected"
    );
}

fn name(event: &LogEvent) -> &str {
    match event {
        LogEvent::Telemetry(TelemetryEvent::Recorded { event, .. }) => event,
        other => panic!("not telemetry: {other:?}"),
    }
}
