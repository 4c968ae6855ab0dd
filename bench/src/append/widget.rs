//! Diagent's own side: visitors who post again as soon as they are answered.

use std::time::Instant;

use anyhow::ensure;
use futures::future::try_join_all;
use serde_json::json;

use super::{LASTING, Load};
use crate::{product::Product, project::limit::per_second, visitor::Visitor};

pub(super) const COMMANDS: &str = "commands";
pub(super) const TELEMETRY: &str = "telemetry";

/// The product, and visitors of its demo site.
pub(super) struct Widget {
    product: Product,
    visitors: Vec<Visitor>,
}

impl Widget {
    pub(super) async fn start(visitors: usize) -> anyhow::Result<Self> {
        let product = Product::start(&[]).await?;
        // In the first seconds it makes vectors of the demo's pages.
        product.embedded().await?;
        let visitors = try_join_all((0..visitors).map(|_| Visitor::init(&product.address))).await?;
        Ok(Self { product, visitors })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.product.stop().await
    }

    /// Events per second of `what`.
    pub(super) async fn append(&mut self, what: &str, load: Load) -> anyhow::Result<f64> {
        let Load { writers, batch } = load;
        let visitors = &mut self.visitors[..writers];
        if what == COMMANDS {
            // One that always yields an event.
            return drive(visitors, 1, ("/api/v1/widget/conversation/clear", "{}".to_owned(), 200)).await;
        }
        let event =
            json!({ "event": "cta.click", "rule_id": "pricing-nudge", "metadata": { "variant": "b", "depth": 40 } });
        let body = if batch == 1 {
            event.to_string()
        } else {
            json!(vec![event; batch]).to_string()
        };
        drive(visitors, batch, ("/api/v1/widget/events", body, 202)).await
    }
}

async fn drive(
    visitors: &mut [Visitor],
    batch: usize,
    (path, body, expected): (&str, String, u16),
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let loops = visitors.iter_mut().map(|visitor| {
        let body = body.clone();
        async move {
            let mut requests = 0;
            while started.elapsed() < LASTING {
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
    let requests: usize = try_join_all(loops).await?.into_iter().sum();
    Ok(per_second(requests * batch, started.elapsed()))
}
