//! Durable appends through HTTP, beside raw publishes into the same streams with the same sync.

use std::time::{Duration, Instant};

use anyhow::ensure;
use embedded::testing::TestNats;
use events::{Clock, Log, Partition, VisitorId, log::LogConfig};
use futures::future::try_join_all;
use serde_json::json;

use crate::{
    product::Product,
    report::{Figure, Report, median},
    visitor::Visitor,
};

const ROUND: Duration = Duration::from_secs(4);
const WRITERS: usize = 64;

/// Events in one request of the widget's telemetry; the contract takes up to 50.
const BATCHES: [usize; 2] = [1, 20];

pub(crate) async fn run(rounds: usize) -> anyhow::Result<Report> {
    let product = Product::start(&[]).await?;
    let raw = Raw::start().await?;
    let mut visitors = try_join_all((0..WRITERS).map(|_| Visitor::init(&product.address))).await?;

    let mut telemetry: [Vec<f64>; BATCHES.len()] = Default::default();
    let (mut commands, mut limit, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let mut limit_alone = Vec::new();
    for _ in 0..rounds {
        limit.push(raw.publish(WRITERS).await?);
        for (figures, batch) in telemetry.iter_mut().zip(BATCHES) {
            figures.push(record(&mut visitors, batch).await?);
        }
        commands.push(clear(&mut visitors).await?);
        limit_alone.push(raw.publish(1).await?);
        alone.push(clear(&mut visitors[..1]).await?);
    }
    product.stop().await?;

    let (limit, limit_alone) = (median(limit), median(limit_alone));
    let mut report = Report::new("append");
    for (figures, batch) in telemetry.into_iter().zip(BATCHES) {
        let what = format!("telemetry, {batch} per request, {WRITERS} writers");
        report.row(
            what,
            Figure {
                unit: "events/s",
                diagent: median(figures),
                limit: Some(limit),
            },
            "15000 events/s",
        );
    }
    report.row(
        format!("commands, {WRITERS} writers"),
        Figure {
            unit: "commands/s",
            diagent: median(commands),
            limit: Some(limit),
        },
        "ratio 0.70",
    );
    report.row(
        "commands, 1 writer",
        Figure {
            unit: "commands/s",
            diagent: median(alone),
            limit: Some(limit_alone),
        },
        "",
    );
    Ok(report)
}

/// Telemetry of all visitors at once, in events per second.
async fn record(visitors: &mut [Visitor], batch: usize) -> anyhow::Result<f64> {
    let event =
        json!({ "event": "cta.click", "rule_id": "pricing-nudge", "metadata": { "variant": "b", "depth": 40 } });
    let body = if batch == 1 {
        event.to_string()
    } else {
        json!(vec![event; batch]).to_string()
    };
    let requests = drive(visitors, "/api/v1/widget/events", body, 202).await?;
    Ok(requests * f64::from(u32::try_from(batch)?))
}

/// A command that always yields one event.
async fn clear(visitors: &mut [Visitor]) -> anyhow::Result<f64> {
    drive(visitors, "/api/v1/widget/conversation/clear", "{}".to_owned(), 200).await
}

/// Each visitor posts again as soon as it is answered; answers requests per second.
async fn drive(visitors: &mut [Visitor], path: &str, body: String, expected: u16) -> anyhow::Result<f64> {
    let started = Instant::now();
    let loops = visitors.iter_mut().map(|visitor| {
        let body = body.clone();
        async move {
            let mut requests = 0_u32;
            while started.elapsed() < ROUND {
                let answer = visitor.post(path, body.clone().into()).await?;
                ensure!(
                    answer.status == expected,
                    "{path} answered {}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                );
                requests += 1;
            }
            anyhow::Ok(requests)
        }
    });
    let requests: u32 = try_join_all(loops).await?.into_iter().sum();
    Ok(f64::from(requests) / started.elapsed().as_secs_f64())
}

/// The limit: the same number of writers publish to the log's own streams, each waiting for its acknowledgement.
struct Raw {
    log: Log,
    _server: TestNats,
}

impl Raw {
    async fn start() -> anyhow::Result<Self> {
        let server = embedded::testing::nats().await;
        let config = LogConfig {
            nats_url: server.url().to_owned(),
            partitions: 8,
            replicas: 1,
            role: "bench",
        };
        Ok(Self {
            log: Log::connect(&config, Clock::default()).await?,
            _server: server,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the limit is measured below the log")]
    async fn publish(&self, writers: usize) -> anyhow::Result<f64> {
        let started = Instant::now();
        // As long as a stored command.
        let payload = bytes::Bytes::from(vec![b'x'; 600]);
        let loops = (0..writers).map(|_| {
            let payload = payload.clone();
            async move {
                let visitor_id = VisitorId::generate();
                let Partition::Events(p) = Partition::of(visitor_id, 8) else {
                    anyhow::bail!("not an event partition")
                };
                let subject = format!("evt.{p}.raw.{visitor_id}");
                let mut published = 0_u32;
                while started.elapsed() < ROUND {
                    self.log
                        .jetstream()
                        .publish(subject.clone(), payload.clone())
                        .await?
                        .await?;
                    published += 1;
                }
                anyhow::Ok(published)
            }
        });
        let published: u32 = try_join_all(loops).await?.into_iter().sum();
        Ok(f64::from(published) / started.elapsed().as_secs_f64())
    }
}
