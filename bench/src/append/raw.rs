//! The limit: publishes into the log's own streams, each waiting for its acknowledgement.

use std::time::Instant;

use events::{Log, Partition, VisitorId};
use futures::future::try_join_all;

use super::LASTING;
use crate::project::{limit::per_second, servers::PARTITIONS};

/// Events per second of as many publishers.
#[expect(clippy::disallowed_methods, reason = "the limit is measured below the log")]
pub(super) async fn publish(log: &Log, writers: usize) -> anyhow::Result<f64> {
    let started = Instant::now();
    let payload = bytes::Bytes::from(super::peers::event());
    let loops = (0..writers).map(|_| {
        let payload = payload.clone();
        async move {
            let visitor_id = VisitorId::generate();
            let Partition::Events(p) = Partition::of(visitor_id, PARTITIONS) else {
                anyhow::bail!("not an event partition")
            };
            let subject = format!("evt.{p}.raw.{visitor_id}");
            let mut published = 0;
            while started.elapsed() < LASTING {
                log.jetstream().publish(subject.clone(), payload.clone()).await?.await?;
                published += 1;
            }
            anyhow::Ok(published)
        }
    });
    let published: usize = try_join_all(loops).await?.into_iter().sum();
    Ok(per_second(published, started.elapsed()))
}
