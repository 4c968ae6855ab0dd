//! `diagent projections list`

use std::{collections::HashMap, io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use comfy_table::{Cell, CellAlignment, Color, Table, presets::NOTHING};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// Between two looks: how far a projection comes meanwhile is its rate.
const INTERVAL: Duration = Duration::from_millis(500);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Every projection with its version, position and lag.
#[derive(Debug, clap::Args)]
pub struct List {
    /// For scripts
    #[arg(long)]
    json: bool,
    /// Again every second, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// A version of a projection, as the read API tells it, and how fast it goes.
#[derive(Debug, Deserialize, Serialize)]
struct Row {
    projection: String,
    version: i32,
    live: bool,
    state: String,
    reason: Option<String>,
    workers: usize,
    position: u64,
    lag_events: u64,
    lag_seconds: f64,
    dead_letters: u64,
    positions: HashMap<String, u64>,
    /// Events a second since the look before.
    #[serde(default)]
    rate: f64,
    /// Until the lag is gone at this rate; none when it does not shrink.
    eta_seconds: Option<f64>,
}

impl List {
    /// Prints a table, or JSON.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let api = Api::new(self.api, infra)?;
        let (mut before, mut looked_at) = (look(&api).await?, Instant::now());
        loop {
            tokio::time::sleep(if self.watch { WATCH_INTERVAL } else { INTERVAL }).await;
            let mut rows = look(&api).await?;
            let elapsed = looked_at.elapsed().as_secs_f64();
            looked_at = Instant::now();
            for row in &mut rows {
                let same = |earlier: &&Row| (&earlier.projection, earlier.version) == (&row.projection, row.version);
                if let Some(earlier) = before.iter().find(same) {
                    row.measure(earlier, elapsed);
                }
            }
            if self.json {
                print::json(&serde_json::to_value(&rows)?);
            } else {
                if self.watch {
                    print::clear();
                }
                print::line(table(&rows).to_string());
                for row in &rows {
                    if let Some(reason) = &row.reason {
                        print::line(format!("{} v{}: {reason}", row.projection, row.version));
                    }
                }
            }
            if !self.watch {
                return Ok(());
            }
            before = rows;
        }
    }
}

async fn look(api: &Api) -> anyhow::Result<Vec<Row>> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<Row>,
    }
    let answer = api.call((Side::Read, Method::GET), "projections", &[], None).await?;
    let Answer { data } = answer.json().await.context("the read API is of another version")?;
    Ok(data)
}

impl Row {
    fn measure(&mut self, earlier: &Self, elapsed_seconds: f64) {
        let events = self.position.saturating_sub(earlier.position);
        self.rate = as_float(events) / elapsed_seconds;
        // New events come in meanwhile: what counts is how fast the lag shrinks.
        let shrinking = as_float(earlier.lag_events.saturating_sub(self.lag_events)) / elapsed_seconds;
        self.eta_seconds = (self.lag_events > 0 && shrinking > 0.0).then(|| as_float(self.lag_events) / shrinking);
    }

    fn cells(&self) -> Vec<Cell> {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let state = Cell::new(&self.state);
        let state = match self.state.as_str() {
            "running" => state,
            "paused" => state.fg(Color::Yellow),
            _ => state.fg(Color::Red),
        };
        let letters = right(self.dead_letters.to_string());
        vec![
            Cell::new(&self.projection),
            right(self.version.to_string()),
            Cell::new(if self.live { "live" } else { "" }),
            state,
            right(self.workers.to_string()),
            right(self.position.to_string()),
            right(self.lag_events.to_string()),
            right(span(self.lag_seconds)),
            right(format!("{:.0}/s", self.rate)),
            right(self.eta_seconds.map(span).unwrap_or_default()),
            if self.dead_letters > 0 {
                letters.fg(Color::Red)
            } else {
                letters
            },
        ]
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "PROJECTION",
        "VERSION",
        "LIVE",
        "STATE",
        "WORKERS",
        "POSITION",
        "LAG",
        "LAG TIME",
        "RATE",
        "ETA",
        "DEAD LETTERS",
    ]);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    for row in rows {
        table.add_row(row.cells());
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are shown, not summed")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

/// Seconds as a person reads them.
fn span(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".to_owned(),
        ..10.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_from_how_fast_the_lag_shrinks() {
        let mut row = row(1_500, 400);
        row.measure(&self::row(1_000, 800), 2.0);
        assert!((row.rate - 250.0).abs() < 1e-9);
        assert_eq!(row.eta_seconds, Some(2.0));

        let mut row = self::row(1_500, 900);
        row.measure(&self::row(1_000, 800), 2.0);
        assert_eq!(row.eta_seconds, None, "it falls behind");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!(
            [0.0, 0.25, 59.6, 600.0, 10_000.0].map(span),
            ["0 s", "0.2 s", "60 s", "10 min", "3 h"]
        );
    }

    fn row(position: u64, lag_events: u64) -> Row {
        Row {
            projection: "leads".to_owned(),
            version: 1,
            live: true,
            state: "running".to_owned(),
            reason: None,
            workers: 1,
            position,
            lag_events,
            lag_seconds: 0.0,
            dead_letters: 0,
            positions: HashMap::new(),
            rate: 0.0,
            eta_seconds: None,
        }
    }
}
