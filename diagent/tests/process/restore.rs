//! After a restore from backup, as `deploy/RESTORE.md` says: of the log, of the database, and of neither.

use std::{fs, path::Path, process::Command};

use events::Partition;

use crate::{
    read_models::{Bench, PARTITIONS},
    support::{Folder, client, until},
};

const REASONS: &str = "SELECT partition || ' ' || reason FROM read.checkpoints
    WHERE projection = 'telemetry' AND state = 'halted' ORDER BY partition::integer";

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_yesterday_stops_the_projections_until_they_are_rebuilt() {
    let mut bench = Bench::start("restore-log").await;
    let backup = Folder::new("restore-log-backup");
    let mut before = bench.projector(&["--only", "telemetry,leads"]);
    bench.visits(0..PARTITIONS).await;
    bench.nats.kill();
    copy(&bench.nats.store(), &backup.path("log"));
    bench.nats.restart().await;
    // Of these the backup knows nothing.
    bench.visits(0..PARTITIONS).await;
    for (projection, version) in [("telemetry", 1), ("leads", 2)] {
        bench.caught_up(projection, version).await;
    }
    assert!(before.process.terminate().await.success());

    bench.nats.kill();
    replace(&bench.nats.store(), &backup.path("log"));
    bench.nats.restart().await;
    bench.reconnect().await;
    // Half of the partitions grow past where the projections were, with other events.
    bench
        .visits((0..PARTITIONS / 2).flat_map(|partition| [partition; 2]))
        .await;
    let mut after = bench.projector(&["--only", "telemetry,leads"]);

    until("all partitions are halted", async || {
        bench.texts(REASONS).await.len() == usize::from(PARTITIONS)
    })
    .await;
    for (partition, reason) in (0..PARTITIONS).zip(bench.texts(REASONS).await) {
        let expected = if partition < PARTITIONS / 2 {
            "The event at the checkpoint 26 is another than the one that was applied"
        } else {
            "The log ends at 13, before the checkpoint 26"
        };
        assert!(reason.starts_with(&format!("{partition} {expected}")), "{reason}");
    }
    assert!(
        after
            .process
            .said()
            .contains("a partition is halted until an operator resumes it")
    );
    let url = format!("http://{}/metrics", after.address);
    let figures = client()
        .get(url)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    let halted = figures
        .lines()
        .filter(|line| line.starts_with("projector_halted_partitions{") && line.ends_with(" 1"));
    assert_eq!(halted.count(), 2 * usize::from(PARTITIONS));

    for (projection, version) in [("telemetry", "2"), ("leads", "3")] {
        bench.command(&["projections", "rebuild", projection]).await;
        bench.command(&["projections", "promote", projection, version]).await;
    }

    bench.visits(0..PARTITIONS).await;
    bench.caught_up("telemetry", 2).await;
    let counted = bench
        .number("SELECT sum(count)::bigint FROM read.telemetry_counts")
        .await;
    assert_eq!(
        counted,
        10 * i64::from(3 * PARTITIONS),
        "what the restored log holds, and what came since"
    );
    assert!(after.process.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_yesterday_is_read_on_and_a_loss_is_accepted_by_an_operator() {
    let mut bench = Bench::start("restore-database").await;
    let backup = Folder::new("restore-database-backup");
    let mut projector = bench.projector(&["--only", "telemetry,leads"]);
    bench.visits(0..PARTITIONS).await;
    bench.caught_up("telemetry", 1).await;
    bench.postgres.kill();
    copy(&bench.postgres.data(), &backup.path("data"));
    bench.postgres.restart().await;
    bench.visits(0..PARTITIONS).await;
    bench.caught_up("telemetry", 1).await;

    // The projector runs all the while: it finds its checkpoints where they were, and goes on from there.
    bench.postgres.kill();
    replace(&bench.postgres.data(), &backup.path("data"));
    bench.postgres.restart().await;
    bench.equals_a_fresh_fold(&["telemetry", "leads"]).await;

    let stream = bench.log.stream(Partition::Events(3)).await.expect("the stream");
    bench.command(&["projections", "pause", "telemetry"]).await;
    until("nobody has it", async || bench.shares().await.is_empty()).await;
    bench.visits([3, 3]).await;
    stream.delete_message(30).await.expect("lost");
    bench.command(&["projections", "resume", "telemetry"]).await;
    until("it is halted", async || !bench.texts(REASONS).await.is_empty()).await;
    assert!(bench.texts(REASONS).await[0].contains("The events 30 to 30 of the partition 3 are missing"));

    bench.command(&["projections", "accept-loss", "3", "30", "30"]).await;

    bench.caught_up("telemetry", 1).await;
    bench.equals_a_fresh_fold(&["telemetry"]).await;
    assert!(projector.process.terminate().await.success());
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().expect("cp");
    assert!(status.success(), "{} is copied", from.display());
}

fn replace(folder: &Path, by: &Path) {
    fs::remove_dir_all(folder).expect("gone");
    copy(by, folder);
}
