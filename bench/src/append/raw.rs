//! The limits: publishes straight into the log's own streams, each waiting for its acknowledgement, and the log's own appends, to
//! which HTTP, tokens and read models come.

use std::time::{Duration, Instant};

use anyhow::ensure;
use async_nats::HeaderMap;
use bytes::Bytes;
use events::{Clock, EventId, Log, Partition, VisitorId};
use futures::future::try_join_all;
use serde_json::Value;

use super::{LASTING, Load};
use crate::project::{
    fill::{Visit, meta},
    limit::per_second,
    servers::PARTITIONS,
};

/// Events per second of as many publishers; several events at a time are one atomic batch.
pub(super) async fn publish(log: &Log, load: Load) -> anyhow::Result<f64> {
    let started = Instant::now();
    let payload = Bytes::from(super::peers::event());
    let loops = (0..load.writers).map(|_| {
        let payload = payload.clone();
        async move {
            let visitor_id = VisitorId::generate();
            let Partition::Events(p) = Partition::of(visitor_id, PARTITIONS) else {
                anyhow::bail!("not an event partition")
            };
            let subject = format!("evt.{p}.raw.{visitor_id}");
            let mut published = 0;
            while started.elapsed() < LASTING {
                if load.batch == 1 {
                    publish_one(log, &subject, &payload).await?;
                } else {
                    publish_batch(log, (subject.as_str(), load.batch), &payload).await?;
                }
                published += load.batch;
            }
            anyhow::Ok(published)
        }
    });
    let published: usize = try_join_all(loops).await?.into_iter().sum();
    Ok(per_second(published, started.elapsed()))
}

#[expect(clippy::disallowed_methods, reason = "the limit is measured below the log")]
async fn publish_one(log: &Log, subject: &str, payload: &Bytes) -> anyhow::Result<()> {
    log.jetstream()
        .publish(subject.to_owned(), payload.clone())
        .await?
        .await?;
    Ok(())
}

async fn publish_batch(log: &Log, (subject, events): (&str, usize), payload: &Bytes) -> anyhow::Result<()> {
    let id = EventId::generate().to_string();
    let headers = |number: usize| {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Batch-Id", id.as_str());
        headers.insert("Nats-Batch-Sequence", number.to_string());
        headers
    };
    for number in 1..events {
        log.client()
            .publish_with_headers(subject.to_owned(), headers(number), payload.clone())
            .await?;
    }
    let mut last = headers(events);
    last.insert("Nats-Batch-Commit", "1");
    let answer = log
        .client()
        .request_with_headers(subject.to_owned(), last, payload.clone())
        .await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    ensure!(answer["count"] == events, "a batch is not stored: {answer}");
    Ok(())
}

/// Telemetry events per second of as many writers, by the log itself: it commits what waits together.
pub(crate) async fn append(log: &Log, load: Load, lasting: Duration) -> anyhow::Result<f64> {
    let at = Clock::default().now();
    let started = Instant::now();
    let loops = (0..load.writers as u64).map(|number| async move {
        let visit = Visit::new(number, at);
        let mut appended = 0;
        while started.elapsed() < lasting {
            let (events, _) = visit.telemetry(load.batch);
            log.append(&visit.clicks(), &events, &meta(visit.agent_id())).await?;
            appended += load.batch;
        }
        anyhow::Ok(appended)
    });
    let appended: usize = try_join_all(loops).await?.into_iter().sum();
    Ok(per_second(appended, started.elapsed()))
}
