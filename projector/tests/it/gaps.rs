//! Erased is not lost: a gap that no erasure explains stops its partition, and so does another log.

use events::Partition;

use crate::support::{Bench, Someone, posted, until};

const HALTED: &str = "SELECT reason FROM read.checkpoints WHERE projection = 'conversations' AND state = 'halted'";

#[tokio::test]
async fn a_lost_event_halts_its_partition_and_no_other() {
    let bench = Bench::start().await;
    let (here, there) = (Someone::in_partition(0), Someone::in_partition(1));
    for text in ["one", "two", "three"] {
        bench.append(&here.conversation(), &[posted(text)]).await;
        bench.append(&there.conversation(), &[posted(text)]).await;
    }
    let stream = bench.log.stream(Partition::Events(0)).await.expect("the stream");
    stream.delete_message(2).await.expect("lost");

    let process = bench.projector_only(&["conversations"]);

    until("it is halted", async || !bench.texts(HALTED).await.is_empty()).await;
    let reason = bench.texts(HALTED).await;
    assert_eq!(
        reason,
        ["The events 2 to 2 of the partition 0 are missing, and no erasure explains it."]
    );
    assert_eq!(
        bench.checkpoint("conversations", 2, "0").await,
        Some(1),
        "up to the gap it is applied"
    );
    until("the other goes on", async || {
        bench.checkpoint("conversations", 2, "1").await == Some(3)
    })
    .await;

    projector::operate::resume(&bench.pool, "conversations", None)
        .await
        .expect("resumed");
    until("it is halted again", async || !bench.texts(HALTED).await.is_empty()).await;
    process.stop().await;
}

#[tokio::test]
async fn a_log_that_is_shorter_than_the_checkpoint_halts() {
    let bench = Bench::start().await;
    bench
        .append(&Someone::in_partition(0).conversation(), &[posted("one")])
        .await;
    let process = bench.projector_only(&["conversations"]);
    bench.caught_up("conversations").await;
    process.stop().await;
    let forward = "UPDATE diagent.checkpoints SET sequence = 40 WHERE projection = 'conversations' AND partition = '0'";
    sqlx::query(forward).execute(&bench.pool).await.expect("moved");

    let process = bench.projector_only(&["conversations"]);

    until("it is halted", async || !bench.texts(HALTED).await.is_empty()).await;
    let reason = &bench.texts(HALTED).await[0];
    assert!(
        reason.starts_with("The log ends at 1, before the checkpoint 40"),
        "{reason}"
    );
    process.stop().await;
}

#[tokio::test]
async fn the_checkpoint_of_another_log_halts() {
    let bench = Bench::start().await;
    let other =
        "UPDATE diagent.checkpoints SET log_id = 'other' WHERE projection = 'conversations' AND partition = '1'";
    let process = bench.projector_only(&["conversations"]);
    bench
        .append(&Someone::in_partition(1).conversation(), &[posted("one")])
        .await;
    bench.caught_up("conversations").await;
    process.stop().await;
    sqlx::query(other).execute(&bench.pool).await.expect("another log");

    let process = bench.projector_only(&["conversations"]);

    until("it is halted", async || !bench.texts(HALTED).await.is_empty()).await;
    let reason = &bench.texts(HALTED).await[0];
    assert!(reason.starts_with("The checkpoint is of the log other"), "{reason}");
    process.stop().await;
}

#[tokio::test]
async fn another_log_under_the_same_address_halts_a_projector_that_runs() {
    let mut bench = Bench::start().await;
    let process = bench.projector_only(&["conversations"]);
    bench
        .append(&Someone::in_partition(1).conversation(), &[posted("one")])
        .await;
    bench.caught_up("conversations").await;

    bench.nats.kill();
    std::fs::remove_dir_all(bench.nats.store()).expect("gone");
    bench.nats.restart().await;
    bench.reconnect().await;

    until("it is halted", async || bench.texts(HALTED).await.len() == 2).await;
    for reason in bench.texts(HALTED).await {
        assert!(reason.starts_with("The checkpoint is of the log"), "{reason}");
    }
    process.stop().await;
}
