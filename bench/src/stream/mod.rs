//! What Diagent adds to a model's stream: to the first token of one visitor after the other, and to each token of many at once.

mod at_once;
mod first_token;
mod hearing;

pub(crate) use self::at_once::profile;
use crate::{model::Pace, report::Report};

const QUESTION: &str = "What is your refund policy?";

pub(crate) async fn run(rounds: usize, streams: &[usize], pace: Pace) -> anyhow::Result<Report> {
    let mut report = Report::new("stream");
    first_token::measure(rounds, &mut report).await?;
    at_once::measure(rounds, streams, pace, &mut report).await?;
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "times here are far below 2^52 microseconds")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
