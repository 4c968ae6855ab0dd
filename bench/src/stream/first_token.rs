//! One visitor after the other: the same model through Diagent and called directly, in turns.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{QUESTION, milliseconds};
use crate::{
    client::Client,
    model::{Model, question},
    product::Product,
    report::{Figure, Report},
    visitor::{Visitor, read_until},
};

const QUESTIONS: usize = 300;

pub(super) async fn measure(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let model = Model::start().await?;
    let product = Product::start(&model.settings()).await?;
    let (mut through, mut direct) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let mut visitor = Visitor::init(&product.address).await?;
    let mut client = Client::connect(&model.address).await?;
    product.embedded().await?;
    ask(&mut visitor).await?;
    for _ in 0..rounds * QUESTIONS {
        direct.record(micros(call(&mut client).await?))?;
        through.record(micros(ask(&mut visitor).await?))?;
    }
    product.stop().await?;

    for (name, quantile, goal) in [("p50", 0.5, "added <= 1.5"), ("p99", 0.99, "added <= 4")] {
        let [with, without] = [&through, &direct].map(|times| milliseconds(times.value_at_quantile(quantile)));
        report.row(
            format!("time to first token, {name}"),
            Figure {
                unit: "ms",
                diagent: with,
                limit: Some(without),
            },
            "",
        );
        report.row(
            format!("added, {name}"),
            Figure {
                unit: "ms",
                diagent: with - without,
                limit: None,
            },
            goal,
        );
    }
    Ok(())
}

async fn ask(visitor: &mut Visitor) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut answer = visitor.ask(QUESTION).await?.into_body();
    read_until(&mut answer, b"\"event\":\"token\"").await?;
    let first = started.elapsed();
    read_until(&mut answer, b"\"event\":\"done\"").await?;
    drop(http_body_util::BodyExt::collect(answer).await);
    Ok(first)
}

async fn call(client: &mut Client) -> anyhow::Result<Duration> {
    let question = question(QUESTION);
    let started = Instant::now();
    let mut answer = client.open(question).await?.into_body();
    read_until(&mut answer, b"\"content\"").await?;
    let first = started.elapsed();
    drop(http_body_util::BodyExt::collect(answer).await);
    Ok(first)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
