//! A table for people, and the same figures as JSON for scripts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// The figures of one bench.
#[derive(Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    rows: Vec<Row>,
    /// Peers that are missing, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    not_measured: BTreeMap<&'static str, String>,
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
    /// What Diagent takes longer than the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    peers: BTreeMap<&'static str, f64>,
    goal: String,
}

/// Where figures are kept.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        Self {
            bench,
            rows: Vec::new(),
            not_measured: BTreeMap::new(),
        }
    }

    /// Adds a figure beside its limit, if it has one.
    pub(crate) fn row(&mut self, what: impl Into<String>, figure: Figure, goal: &str) {
        self.row_beside(what, figure, goal, BTreeMap::new());
    }

    /// Adds a figure beside its limit and those of its peers, where more is better.
    pub(crate) fn row_beside(
        &mut self,
        what: impl Into<String>,
        figure: Figure,
        goal: &str,
        peers: BTreeMap<&'static str, f64>,
    ) {
        let Figure { unit, diagent, limit } = figure;
        self.rows.push(Row {
            what: what.into(),
            unit,
            diagent,
            limit,
            added: None,
            peers,
            goal: goal.to_owned(),
        });
    }

    /// Adds a figure that counts by how much it is above its limit.
    pub(crate) fn row_added(&mut self, what: impl Into<String>, figure: Figure, goal: &str) {
        let added = figure.limit.map(|limit| figure.diagent - limit);
        self.row(what, figure, goal);
        if let Some(row) = self.rows.last_mut() {
            row.added = added;
        }
    }

    /// Says why peers have no figures.
    pub(crate) fn not_measured(&mut self, peers: BTreeMap<&'static str, String>) {
        self.not_measured.extend(peers);
    }

    /// Prints the table and writes `target/bench/<name>.json`.
    #[expect(clippy::print_stdout, reason = "the table is what the bench is run for")]
    pub(crate) fn show(&self) -> anyhow::Result<()> {
        println!("{}", self.table());
        for (peer, reason) in &self.not_measured {
            println!("{peer}: not measured: {reason}");
        }
        let file = folder()?.join(format!("{}.json", self.bench));
        std::fs::write(&file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn table(&self) -> Table {
        let peers: BTreeSet<&str> = self.rows.iter().flat_map(|row| row.peers.keys().copied()).collect();
        let best = (!peers.is_empty()).then_some("best peer");
        let added = self.rows.iter().any(|row| row.added.is_some()).then_some("added");
        let figures: Vec<&str> = ["diagent", "limit", "ratio"]
            .into_iter()
            .chain(added)
            .chain(best)
            .chain(peers.iter().copied())
            .collect();
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_header([""].iter().chain(&figures).chain(&["unit", "goal"]));
        for row in &self.rows {
            let limit = row.limit.filter(|limit| *limit > 0.0 && row.added.is_none());
            let ratio = limit.map(|limit| format!("{:.2}", row.diagent / limit));
            let mut cells = vec![row.what.clone(), number(row.diagent)];
            cells.push(row.limit.map_or_else(String::new, number));
            cells.push(ratio.unwrap_or_default());
            if added.is_some() {
                cells.push(row.added.map_or_else(String::new, number));
            }
            if best.is_some() {
                let best = row.peers.values().copied().max_by(f64::total_cmp);
                cells.push(best.map_or_else(String::new, number));
            }
            cells.extend(
                peers
                    .iter()
                    .map(|peer| row.peers.get(peer).copied().map_or_else(String::new, number)),
            );
            cells.extend([row.unit.to_owned(), row.goal.clone()]);
            table.add_row(cells);
        }
        for column in table.column_iter_mut().skip(1).take(figures.len()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
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
