//! From `diagent up` to the first answer, and to its "Diagent is ready.": on an empty folder, and again on the folder that this
//! has left. The limit is the start of NATS and PostgreSQL alone, both at once, on folders of the same kind. Binaries are there
//! before.

use std::{path::Path, time::Instant};

use embedded::{Binaries, NatsServer, Postgres};

use crate::{
    product::{Product, cache},
    report::{Figure, Report, median},
};

/// In this order on one folder.
const STARTS: [&str; 2] = ["cold", "warm"];

/// Seconds of each round.
#[derive(Default)]
struct Samples {
    served: Vec<f64>,
    announced: Vec<f64>,
    limit: Vec<f64>,
}

pub(crate) async fn run(rounds: usize) -> anyhow::Result<Report> {
    let binaries = Binaries::fetch(&cache()).await?;
    let mut samples: [Samples; STARTS.len()] = Default::default();
    for round in 0..rounds {
        let folder = std::env::temp_dir().join(format!("diagent-bench-start-{}-{round}", std::process::id()));
        for samples in &mut samples {
            samples.limit.push(servers(&binaries, &folder.join("servers")).await?);
            let started = Instant::now();
            let mut product = Product::spawn(folder.join("product"), &[])?;
            product.served().await?;
            samples.served.push(started.elapsed().as_secs_f64());
            product.announced().await?;
            samples.announced.push(started.elapsed().as_secs_f64());
            product.end().await?;
        }
        std::fs::remove_dir_all(&folder)?;
    }
    let mut report = Report::new("start");
    for (
        start,
        Samples {
            served,
            announced,
            limit,
        },
    ) in STARTS.iter().zip(samples)
    {
        let limit = Some(median(limit));
        for (what, samples) in [("a visitor is served", served), ("its agent knows the demo", announced)] {
            let diagent = median(samples);
            report.row(
                format!("{start}, until {what}"),
                Figure {
                    unit: "s",
                    diagent,
                    limit,
                },
                "",
            );
        }
    }
    Ok(report)
}

/// Seconds until both take clients.
async fn servers(binaries: &Binaries, folder: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let (nats, postgres) = (folder.join("nats"), folder.join("postgres"));
    let (nats, postgres) = futures::try_join!(
        NatsServer::start(binaries, &nats, "bench"),
        Postgres::start(binaries, &postgres, "bench"),
    )?;
    let took = started.elapsed();
    nats.stop().await?;
    postgres.stop().await?;
    Ok(took.as_secs_f64())
}
