//! A table for people, and the same figures as JSON for scripts.

use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// The figures of one bench.
#[derive(Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    rows: Vec<Row>,
}

/// What was measured.
pub(crate) struct Figure {
    pub(crate) unit: &'static str,
    pub(crate) diagent: f64,
    /// What the machine can do at best.
    pub(crate) limit: Option<f64>,
}

#[derive(Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    diagent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    goal: String,
}

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        Self {
            bench,
            rows: Vec::new(),
        }
    }

    /// Adds a figure beside its limit, if it has one.
    pub(crate) fn row(&mut self, what: impl Into<String>, figure: Figure, goal: &str) {
        let Figure { unit, diagent, limit } = figure;
        self.rows.push(Row {
            what: what.into(),
            unit,
            diagent,
            limit,
            goal: goal.to_owned(),
        });
    }

    /// Prints the table and writes `target/bench/<name>.json`.
    #[expect(clippy::print_stdout, reason = "the table is what the bench is run for")]
    pub(crate) fn show(&self) -> anyhow::Result<()> {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_header(["", "diagent", "limit", "ratio", "unit", "goal"]);
        for row in &self.rows {
            let limit = row.limit.map_or_else(String::new, number);
            let ratio = row
                .limit
                .map_or_else(String::new, |limit| format!("{:.2}", row.diagent / limit));
            table.add_row([
                row.what.clone(),
                number(row.diagent),
                limit,
                ratio,
                row.unit.to_owned(),
                row.goal.clone(),
            ]);
        }
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../target/bench")
            .join(format!("{}.json", self.bench));
        std::fs::create_dir_all(file.parent().context("a folder")?)?;
        std::fs::write(&file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

/// The median of `values`; they are few.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
