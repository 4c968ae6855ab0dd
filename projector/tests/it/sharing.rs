//! Workers share the partitions, take over from the dead, and cannot write what is no longer theirs.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::PullConsumer;
use events::Partition;
use futures::{FutureExt as _, StreamExt as _};

use crate::support::{Bench, until};

const OWNERS: &str = "SELECT owner FROM read.checkpoints WHERE projection = 'telemetry' AND owner IS NOT NULL";
const COUNT: &str = "SELECT coalesce(sum(count), 0)::bigint FROM read.telemetry_counts";

/// How many partitions of a projection each live worker has.
async fn shares(bench: &Bench) -> Vec<usize> {
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for owner in bench.texts(OWNERS).await {
        *shares.entry(owner).or_default() += 1;
    }
    shares.into_values().collect()
}

#[tokio::test]
async fn two_workers_share_and_one_takes_over_from_the_other() {
    let bench = Bench::start().await;
    let first = bench.projector_only(&["telemetry"]);
    until("the first has all", async || shares(&bench).await == [2]).await;
    let second = bench.projector_only(&["telemetry"]);
    until("each has one", async || shares(&bench).await == [1, 1]).await;
    bench.telemetry(8, 2_000).await;

    first.kill();

    until("the second has all", async || shares(&bench).await == [2]).await;
    bench.caught_up("telemetry").await;
    assert_eq!(bench.number(COUNT).await, 2_000);
    second.stop().await;
    assert_eq!(shares(&bench).await, [0; 0], "who stops lets go");
}

#[tokio::test]
async fn a_worker_that_lost_a_partition_cannot_write_it() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["telemetry"]);
    bench.telemetry(8, 400).await;
    bench.caught_up("telemetry").await;

    // Somebody else took everything, as after a long pause of this process.
    for sql in [
        "INSERT INTO diagent.workers VALUES ('other', '{telemetry:1}', now(), now() + interval '1 hour')",
        "UPDATE diagent.checkpoints SET owner = 'other', epoch = epoch + 1 WHERE projection = 'telemetry'",
    ] {
        sqlx::query(sql).execute(&bench.pool).await.expect("taken");
    }
    bench.telemetry(8, 400).await;
    until("nobody asks for messages any more", async || {
        let mut waiting = 0;
        for partition in [0, 1] {
            let mut consumer = consumer(&bench, partition).await;
            waiting += consumer.info().await.expect("its state").num_waiting;
        }
        waiting == 0
    })
    .await;
    assert_eq!(
        bench.number(COUNT).await,
        400,
        "nothing was written under the old epoch"
    );

    sqlx::query("DELETE FROM diagent.workers WHERE worker_id = 'other'")
        .execute(&bench.pool)
        .await
        .expect("gone");
    bench.caught_up("telemetry").await;
    assert_eq!(bench.number(COUNT).await, 800);
    process.stop().await;
}

#[tokio::test]
async fn a_reader_that_was_paused_keeps_nothing_from_its_successor() {
    let bench = Bench::start().await;
    let first = bench.projector_only(&["telemetry"]);
    bench.telemetry(8, 40).await;
    bench.caught_up("telemetry").await;
    first.stop().await;
    // Asks for messages and does nothing with them, like a process that was stopped in the middle.
    let mut paused = Vec::new();
    for partition in [0, 1] {
        let consumer = consumer(&bench, partition).await;
        let mut asked = consumer
            .stream()
            .max_messages_per_batch(500)
            .messages()
            .await
            .expect("asked");
        assert!(asked.next().now_or_never().is_none(), "nothing is new");
        paused.push(asked);
    }
    until("the server knows", async || {
        consumer(&bench, 1).await.info().await.expect("its state").num_waiting == 1
    })
    .await;

    let second = bench.projector_only(&["telemetry"]);
    for round in 1..=20 {
        bench.telemetry(8, 40).await;
        bench.caught_up("telemetry").await;
        assert_eq!(bench.number(COUNT).await, 40 + round * 40);
    }
    second.stop().await;
}

/// The durable consumer of one partition of the telemetry projection.
async fn consumer(bench: &Bench, partition: u16) -> PullConsumer {
    let stream = bench
        .log
        .stream(Partition::Events(partition))
        .await
        .expect("the stream");
    let name = format!("telemetry_v1_{partition}");
    stream.get_consumer(&name).await.expect("the consumer")
}

#[tokio::test]
async fn a_paused_projection_stands_still_and_the_others_go_on() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["telemetry", "usage"]);
    bench.telemetry(8, 40).await;
    bench.caught_up("telemetry").await;

    assert_eq!(
        projector::operate::pause(&bench.pool, "telemetry", None)
            .await
            .expect("paused"),
        2
    );
    until("nobody has it", async || shares(&bench).await.is_empty()).await;
    bench.telemetry(8, 40).await;
    bench.caught_up("usage").await;
    assert_eq!(bench.number(COUNT).await, 40);

    assert_eq!(
        projector::operate::resume(&bench.pool, "telemetry", None)
            .await
            .expect("resumed"),
        2
    );
    bench.caught_up("telemetry").await;
    assert_eq!(bench.number(COUNT).await, 80);
    process.stop().await;
}
