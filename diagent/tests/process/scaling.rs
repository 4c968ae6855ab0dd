//! One, two and four projectors under a load: partitions are spread evenly, move when a process joins, dies or stops
//! breathing, and what was paused writes nothing when it wakes.

use crate::{
    read_models::{Bench, Load},
    support::until,
};

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_spread_and_move_under_load_and_every_event_counts_once() {
    let bench = Bench::start("scaling").await;
    let load = Load::default();
    let scenes = async {
        let mut first = bench.projector(&[]);
        spread(&bench, &[8]).await;
        let second = bench.projector(&[]);
        spread(&bench, &[4, 4]).await;
        let (third, mut fourth) = (bench.projector(&[]), bench.projector(&["--only", "telemetry,leads"]));
        spread(&bench, &[2, 2, 2, 2]).await;

        first.process.kill();
        spread(&bench, &[2, 3, 3]).await;

        // In the middle of its batches: what it has sent is taken back, what it holds is let go.
        second.process.pause();
        third.process.pause();
        spread(&bench, &[8]).await;
        let passed = bench.number(APPLIED).await;
        until("the partitions of the paused go on", async || {
            bench.number(APPLIED).await > passed + 500
        })
        .await;

        // They wake with batches in their hands, and their leases are long gone.
        second.process.resume();
        third.process.resume();
        spread(&bench, &[2, 3, 3]).await;
        let status = fourth.process.terminate().await;
        assert!(status.success(), "{}", fourth.process.said());
        spread(&bench, &[4, 4]).await;
        load.end();
        (second, third)
    };
    let ((mut second, mut third), ()) = tokio::join!(scenes, load.run(&bench.log));

    bench
        .equals_a_fresh_fold(&["telemetry", "conversations", "leads"])
        .await;
    assert_eq!(bench.number("SELECT count(*) FROM read.dead_letters").await, 0);
    for projector in [&mut second, &mut third] {
        let status = projector.process.terminate().await;
        assert!(status.success(), "{}", projector.process.said());
    }
    assert_eq!(bench.shares().await, [0; 0], "who stops lets go");
}

const APPLIED: &str = "SELECT coalesce(sum(count), 0)::bigint FROM read.telemetry_counts";

/// Waits until the live workers have this many partitions of telemetry each.
async fn spread(bench: &Bench, shares: &[i64]) {
    until(&format!("the partitions are spread as {shares:?}"), async || {
        bench.shares().await == shares
    })
    .await;
}
