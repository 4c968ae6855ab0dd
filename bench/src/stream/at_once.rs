//! Many streams at once, from a model that speaks at a steady pace: through the product, and as many directly, by turns.
//!
//! Each listener asks anew as soon as its answer is over, and they begin spread over the length of an answer: what is measured
//! is so many streams, each somewhere in its answer, and not a crowd that asks in the same millisecond.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::{task::JoinSet, time::sleep};

use super::{
    hearing::{Heard, Listener},
    milliseconds,
};
use crate::{
    client::Client,
    model::{Model, Pace},
    product::Product,
    profile,
    report::{Figure, Report},
    visitor::Visitor,
};

/// Answers of one listener in a round: more where there are few listeners.
const ANSWERS: std::ops::RangeInclusive<usize> = 3..=6;
const ANSWERS_WANTED: usize = 384;

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

/// How long so many streams took, and what was heard.
#[derive(Default)]
struct Side {
    heard: Heard,
    seconds: f64,
}

pub(super) async fn measure(rounds: usize, streams: &[usize], pace: Pace, report: &mut Report) -> anyhow::Result<()> {
    let model = Model::start_paced(pace).await?;
    let product = Product::start(&[&model.settings()[..], &[("MAX_TURNS", "2000")]].concat()).await?;
    product.embedded().await?;
    let mut sides: Vec<[Side; 2]> = streams.iter().map(|_| <[Side; 2]>::default()).collect();
    for _ in 0..rounds {
        for (streams, [through, direct]) in streams.iter().copied().zip(&mut sides) {
            let mut callers = Vec::new();
            for _ in 0..streams {
                callers.push(Listener::Direct(Client::connect(&model.address).await?));
            }
            direct.hear(callers, pace).await?;
            through.hear(visitors(&product, streams).await?, pace).await?;
        }
    }
    product.stop().await?;
    for (streams, [through, direct]) in streams.iter().zip(&sides) {
        rows(*streams, [through, direct], report)?;
    }
    Ok(())
}

/// Two hundred and fifty-six streams.
pub(crate) async fn profile(report: &mut Report) -> anyhow::Result<()> {
    let pace = Pace {
        tokens: 100,
        pause: Duration::from_millis(20),
    };
    let model = Model::start_paced(pace).await?;
    let product = Product::start(&model.settings()).await?;
    product.embedded().await?;
    let visitors = visitors(&product, 256).await?;
    profile::look("stream", report, Side::default().hear(visitors, pace)).await?;
    product.stop().await
}

async fn visitors(product: &Product, count: usize) -> anyhow::Result<Vec<Listener>> {
    let mut visitors = Vec::new();
    for _ in 0..count {
        visitors.push(Listener::Visitor(Visitor::init(&product.address).await?));
    }
    Ok(visitors)
}

impl Side {
    async fn hear(&mut self, listeners: Vec<Listener>, pace: Pace) -> anyhow::Result<()> {
        let count = listeners.len();
        let answers = (ANSWERS_WANTED / count).clamp(*ANSWERS.start(), *ANSWERS.end());
        let started = Instant::now();
        let mut hearing = JoinSet::new();
        for (listener, place) in listeners.into_iter().zip(0_u32..) {
            let begins_after = pace.length() * place / u32::try_from(count)?;
            hearing.spawn(async move {
                sleep(begins_after).await;
                listener.hear(answers, pace.tokens).await
            });
        }
        while let Some(heard) = hearing.join_next().await {
            self.heard.add(heard?);
        }
        self.seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not so many tokens")]
    fn tokens_per_second(&self) -> f64 {
        self.heard.tokens.len() as f64 / self.seconds
    }

    fn broken(&self) -> u32 {
        self.heard.broken.values().sum()
    }
}

fn rows(streams: usize, [through, direct]: [&Side; 2], report: &mut Report) -> anyhow::Result<()> {
    let times: [fn(&Heard) -> &[u64]; 2] = [|heard| &heard.first_tokens, |heard| &heard.tokens];
    let names = [
        ("first token", ["added <= 1.5", "added <= 4", ""]),
        ("each token", ["", "added <= 0.5", ""]),
    ];
    for (times, (name, goals)) in times.into_iter().zip(names) {
        let [with, without] = [histogram(times(&through.heard))?, histogram(times(&direct.heard))?];
        for ((quantile, share), goal) in QUANTILES.into_iter().zip(goals) {
            if !says(&with, share) || !says(&without, share) {
                continue;
            }
            let [with, without] = [&with, &without].map(|times| milliseconds(times.value_at_quantile(share)));
            let figure = Figure {
                unit: "ms",
                diagent: with,
                limit: Some(without),
            };
            report.row_added(format!("{streams} at once, {name}, {quantile}"), figure, goal);
        }
    }
    let mut beside = |what: &str, unit, [diagent, limit]: [f64; 2], goal: &str| {
        let limit = Some(limit);
        report.row(
            format!("{streams} at once, {what}"),
            Figure { unit, diagent, limit },
            goal,
        );
    };
    let both = [through, direct];
    beside("tokens heard", "1/s", both.map(Side::tokens_per_second), "1.00");
    beside(
        "stalls of over a second",
        "",
        both.map(|side| side.heard.stalls.into()),
        "0",
    );
    let wrong = through.heard.broken.keys().next().map_or("0", String::as_str);
    beside("answers not whole", "", both.map(|side| side.broken().into()), wrong);
    Ok(())
}

fn histogram(times: &[u64]) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    for time in times {
        histogram.record(*time)?;
    }
    Ok(histogram)
}

/// Whether there are enough times for this quantile to be one of them and not just the longest.
#[expect(clippy::cast_precision_loss, reason = "there are not so many times")]
fn says(times: &Histogram<u64>, share: f64) -> bool {
    times.len() as f64 * (1.0 - share) >= 1.0
}
