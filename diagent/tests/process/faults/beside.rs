//! What stands beside the log: frames of answers, and snapshots of conversations. Nothing of the erased is among them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use events::{Clock, log::Log};
use futures::TryStreamExt as _;

use super::{cluster::Cluster, visitors::Acknowledged};
use crate::support::PATIENCE;

const STREAMS: [&str; 2] = ["TOKENS", "SNAPSHOTS"];

/// Waits until nothing of erased conversations is there: what was written while they were erased goes when the command API looks
/// again, up to a minute later.
pub(super) async fn check(cluster: &Cluster, acknowledged: &Acknowledged, seeded: &str) {
    let erased = acknowledged.erased.iter();
    let erased: HashSet<&str> = erased.map(|visitor| visitor.conversation.as_str()).collect();
    let log = Log::connect(&cluster.log(), Clock::default()).await.expect("the log");
    for stream in STREAMS {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let subjects = subjects(&log, stream).await;
            let (left, others): (Vec<_>, Vec<_>) = subjects
                .iter()
                .partition(|subject| subject.split('.').any(|part| erased.contains(part)));
            assert!(
                !others.is_empty(),
                "{seeded}: {stream} holds something of those who stay"
            );
            if left.is_empty() {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{seeded}: left of erased visitors in {stream}: {left:#?}"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn subjects(log: &Log, stream: &str) -> Vec<String> {
    let stream = log.jetstream().get_stream(stream).await.expect("a stream");
    let subjects = stream.info_with_subjects(">").await.expect("its subjects");
    let subjects: Vec<(String, usize)> = subjects.try_collect().await.expect("all of them");
    subjects.into_iter().map(|(subject, _)| subject).collect()
}
