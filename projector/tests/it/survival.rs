//! Exactly once in effect: whatever dies or comes twice, every event counts once.

use async_nats::jetstream::consumer::{DeliverPolicy, PullConsumer};
use events::{LeadId, Partition, Subject, lead::LeadEvent};

use crate::support::{AGENT, Bench, Someone, now, until};

const COUNT: &str = "SELECT coalesce(sum(count), 0)::bigint FROM read.telemetry_counts";

#[tokio::test]
async fn a_projector_that_is_killed_again_and_again_counts_every_event_once() {
    let bench = Bench::start().await;
    bench.telemetry(8, 4_000).await;
    for part in 1..4 {
        let process = bench.projector_only(&["telemetry"]);
        until("it is in the middle", async || bench.number(COUNT).await >= part * 700).await;
        process.kill();
    }
    let process = bench.projector_only(&["telemetry"]);

    bench.caught_up("telemetry").await;

    assert_eq!(bench.number(COUNT).await, 4_000);
    process.stop().await;
}

#[tokio::test]
async fn what_is_delivered_twice_counts_once() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["telemetry"]);
    for round in 1..=3 {
        bench.telemetry(8, 400).await;
        bench.caught_up("telemetry").await;
        assert_eq!(bench.number(COUNT).await, round * 400);
        for partition in [0, 1] {
            redeliver(&bench, partition).await;
        }
    }
    process.stop().await;
}

/// Makes the server deliver everything again that the telemetry's consumer of `partition` was made for.
async fn redeliver(bench: &Bench, partition: u16) {
    let name = format!("telemetry_v1_{partition}");
    let stream = bench
        .log
        .stream(Partition::Events(partition))
        .await
        .expect("the stream");
    let consumer: PullConsumer = stream.get_consumer(&name).await.expect("the consumer");
    let start = match consumer.cached_info().config.deliver_policy {
        DeliverPolicy::ByStartSequence { start_sequence } => Some(start_sequence),
        _ => None,
    };
    stream.reset_consumer(&name, start).await.expect("delivered again");
}

#[tokio::test]
async fn a_server_that_comes_back_is_read_on() {
    let mut bench = Bench::start().await;
    let process = bench.projector_only(&["telemetry"]);
    bench.telemetry(8, 400).await;
    bench.caught_up("telemetry").await;

    bench.nats.kill();
    bench.nats.restart().await;
    bench.telemetry(8, 400).await;

    bench.caught_up("telemetry").await;
    assert_eq!(bench.number(COUNT).await, 800);
    process.stop().await;
}

#[tokio::test]
async fn a_lead_that_visitors_of_all_partitions_submit_at_once_counts_them_all() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["leads"]);
    let leads: Vec<LeadId> = (0..5).map(LeadId::from_bits).collect();
    let visitors = [Someone::in_partition(0), Someone::in_partition(1)];
    let appends = visitors
        .iter()
        .flat_map(|someone| leads.iter().map(move |lead_id| (someone, *lead_id)));
    let appends = appends.map(|(someone, lead_id)| {
        let subject = Subject::Lead {
            agent_id: AGENT,
            visitor_id: someone.visitor_id,
            lead_id,
        };
        let submitted = LeadEvent::Captured {
            conversation_id: someone.conversation_id,
            email: "alex@example.com".into(),
            name: None,
            phone: None,
            fields: [].into(),
            consent: None,
            at: now(),
        };
        let bench = &bench;
        async move { bench.append(&subject, &vec![submitted; 60]).await }
    });
    futures::future::join_all(appends).await;
    bench.caught_up("leads").await;

    let counts = "SELECT lead_id || ' ' || submissions FROM read.leads ORDER BY lead_id";
    let expected: Vec<String> = leads.iter().map(|lead_id| format!("{lead_id} 120")).collect();
    assert_eq!(bench.texts(counts).await, expected);
    assert_eq!(bench.number("SELECT count(*) FROM read.dead_letters").await, 0);
    process.stop().await;
}

#[tokio::test]
async fn idle_partitions_advance_so_that_waiting_readers_wake() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["leads"]);
    bench.telemetry(8, 40).await;
    bench.caught_up("leads").await;
    process.stop().await;
}
