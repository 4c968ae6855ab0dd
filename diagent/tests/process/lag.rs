//! What operators see of a projection's lag is what the log counts: `/metrics`, `nats consumer info` and an autoscaler agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use events::Partition;

use crate::{
    read_models::{Bench, PARTITIONS, Projector},
    support::{client, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_agree_with_the_log_at_work_paused_and_without_a_database() {
    let mut bench = Bench::start("lag").await;
    let mut projector = bench.projector(&["--only", "telemetry"]);
    for _ in 0..20 {
        bench.visit().await;
    }
    until("both say that all is applied", async || {
        agreed(&bench, &projector).await == Some(0)
    })
    .await;

    bench.command(&["projections", "pause", "telemetry"]).await;
    until("nobody has it", async || bench.shares().await.is_empty()).await;
    for _ in 0..10 {
        bench.visit().await;
    }
    until("both count what waits", async || {
        agreed(&bench, &projector).await == Some(130)
    })
    .await;
    assert!(
        figure(&projector, "projector_lag_seconds").await > 0.0,
        "and since when"
    );

    bench.command(&["projections", "resume", "telemetry"]).await;
    until("it is applied", async || agreed(&bench, &projector).await == Some(0)).await;

    bench.postgres.kill();
    for _ in 0..10 {
        bench.visit().await;
    }
    until("without the database too", async || {
        agreed(&bench, &projector).await == Some(130)
    })
    .await;
    bench.postgres.restart().await;
    until("it is applied again", async || {
        agreed(&bench, &projector).await == Some(0)
    })
    .await;
    let mut others = bench.projector(&["--except", "telemetry"]);
    until("an autoscaler finds every consumer", async || {
        let mut missing = manifests().into_iter();
        let found = bench.consumers().await;
        missing.all(|(name, counted)| found.get(&name) == Some(&counted))
    })
    .await;
    for projector in [&mut projector, &mut others] {
        assert!(projector.process.terminate().await.success());
    }
}

/// The consumers that `deploy/keda/` names, as `stream/consumer`, by projection.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/keda"));
    let files = fs::read_dir(folder)
        .expect("manifests")
        .map(|file| file.expect("a file").path());
    let manifests: BTreeMap<_, _> = files
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a manifest");
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix("stream: "));
            let named = lines.map(|line| line.replace(", consumer: ", "/").replace('}', ""));
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, named.collect())
        })
        .collect();
    assert!(manifests.len() >= 6, "{manifests:?}");
    manifests
}

/// The lag, when the figures and the log say the same.
async fn agreed(bench: &Bench, projector: &Projector) -> Option<u64> {
    let mut counted = 0;
    for partition in (0..PARTITIONS).map(Partition::Events) {
        let stream = bench.log.stream(partition).await.expect("the stream");
        let info = stream.consumer_info(format!("telemetry_v1_{partition}")).await.ok()?;
        counted += info.num_pending + info.num_ack_pending as u64;
    }
    let shown = figure(projector, "projector_lag_events").await;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let agree = (shown - counted as f64).abs() < 0.5;
    agree.then_some(counted)
}

/// The sum of a figure over all partitions.
async fn figure(projector: &Projector, name: &str) -> f64 {
    let url = format!("http://{}/metrics", projector.address);
    let answer = client().get(url).send().await.expect("an answer");
    let text = answer.text().await.expect("text");
    let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
