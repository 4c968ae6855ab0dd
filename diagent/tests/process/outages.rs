//! The log and the database killed under projectors at work: every event counts once.

use crate::read_models::{Bench, Load};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_a_database_that_are_killed_cost_no_event_and_double_none() {
    let mut bench = Bench::start("outages").await;
    let (mut first, mut second) = (bench.projector(&[]), bench.projector(&[]));
    for _ in 0..2 {
        busy(&bench).await;
        bench.postgres.kill();
        bench.visit().await;
        bench.postgres.restart().await;
        busy(&bench).await;
        bench.nats.kill();
        bench.nats.restart().await;
    }
    busy(&bench).await;

    bench
        .equals_a_fresh_fold(&["telemetry", "conversations", "leads"])
        .await;
    assert_eq!(bench.number("SELECT count(*) FROM read.dead_letters").await, 0);
    assert_eq!(
        bench
            .number("SELECT count(*) FROM read.checkpoints WHERE state <> 'running'")
            .await,
        0,
        "nothing was taken for a loss"
    );
    for projector in [&mut first, &mut second] {
        let status = projector.process.terminate().await;
        assert!(status.success(), "{}", projector.process.said());
    }
}

/// Lets visitors come until some of what they do is applied; the rest is under way.
async fn busy(bench: &Bench) {
    let load = Load::default();
    let some = async {
        bench.caught_up("telemetry", 1).await;
        load.end();
    };
    tokio::join!(some, load.run(&bench.log));
}
