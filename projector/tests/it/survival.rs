//! Exactly once in effect: whatever dies or comes twice, every event counts once.

use events::Partition;

use crate::support::{Bench, until};

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
            let stream = bench
                .log
                .stream(Partition::Events(partition))
                .await
                .expect("the stream");
            stream
                .reset_consumer(&format!("telemetry_v1_{partition}"), Some(1))
                .await
                .expect("delivered again");
        }
    }
    process.stop().await;
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
async fn idle_partitions_advance_so_that_waiting_readers_wake() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["leads"]);
    bench.telemetry(8, 40).await;
    bench.caught_up("leads").await;
    process.stop().await;
}
