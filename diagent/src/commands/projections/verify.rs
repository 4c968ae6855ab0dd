//! `diagent projections verify`

use anyhow::{Context as _, ensure};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use projector::{
    Registered, Stores,
    verify::{self, Chunk, Finding, Report, Row},
    versions,
};
use serde_json::{Value, json};

use super::{AWAY, known};
use crate::{commands::bar, print};

/// Compare a version's rows with the log, while both are written.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The projection
    name: String,
    /// The version; by default the one that readers see
    #[arg(long)]
    version: Option<i32>,
    /// For scripts
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self, stores: &Stores) -> anyhow::Result<()> {
        let projection = known(&self.name)?;
        let name = projection.name;
        let version = match self.version {
            Some(version) => version,
            None => versions::live(&stores.pool, name)
                .await
                .context(AWAY)?
                .context("nothing of it is live")?,
        };
        let report = verified(stores, &projection, version).await?;
        if self.json {
            print::json(&as_json(name, version, &report));
        } else {
            show(name, version, &report);
        }
        ensure!(
            report.is_same(),
            "version {version} is not what the log says; build another beside it with: diagent projections rebuild {name}"
        );
        Ok(())
    }
}

/// Folds the log again beside `version`, with a bar.
pub(super) async fn verified(stores: &Stores, projection: &Registered, version: i32) -> anyhow::Result<Report> {
    let bar = bar::over_events(format!("{} v{version}", projection.name));
    let report = verify::verify(stores, projection, version, &|progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })
    .await;
    bar.finish_and_clear();
    Ok(report?)
}

/// What was compared, as a table, and then what differs.
pub(super) fn show(name: &str, version: i32, report: &Report) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "TABLE",
        "PARTITION",
        "ROWS",
        "CHECKSUM",
        "LOG'S ROWS",
        "LOG'S CHECKSUM",
        "FOUND",
    ]);
    for chunk in &report.chunks {
        table.add_row([
            chunk.table.clone(),
            chunk
                .partition
                .map(|partition| partition.to_string())
                .unwrap_or_default(),
            chunk.rows.rows.to_string(),
            chunk.rows.checksum.clone(),
            chunk.log.rows.to_string(),
            chunk.log.checksum.clone(),
            found(&chunk.finding),
        ]);
    }
    for column in table.column_iter_mut().skip(2).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if !report.chunks.is_empty() {
        print::line(table.to_string());
    }
    for chunk in &report.chunks {
        for row in examples(chunk) {
            print::line(format!("{}: {}", chunk.table, sentence(row)));
        }
    }
    let read: u64 = report.partitions.iter().map(|compared| compared.sequence).sum();
    let left_out = match report.left_out {
        0 => String::new(),
        count => format!("; {count} events are set aside or left out"),
    };
    let verdict = if report.is_same() { "is" } else { "is NOT" };
    print::line(format!(
        "{name}: version {version} {verdict} what the log says at {read} events{left_out}"
    ));
}

fn found(finding: &Finding) -> String {
    match finding {
        Finding::Same => "same".to_owned(),
        Finding::Outlived => "same, and what outlived erasures".to_owned(),
        Finding::Differs { count, .. } => format!("{count} differ"),
        Finding::UnknownTable => "not of this definition".to_owned(),
    }
}

fn examples(chunk: &Chunk) -> &[Row] {
    match &chunk.finding {
        Finding::Differs { rows, .. } => rows,
        Finding::Same | Finding::Outlived | Finding::UnknownTable => &[],
    }
}

fn sentence(row: &Row) -> String {
    match row {
        Row::Missing(key) => format!("{key} is missing"),
        Row::Extra(key) => format!("{key} is not in the log"),
        Row::Other { key, columns } => format!("{key} differs in {}", columns.join(", ")),
    }
}

fn as_json(name: &str, version: i32, report: &Report) -> Value {
    let tables = report.chunks.iter().map(|chunk| {
        json!({
            "table": chunk.table,
            "partition": chunk.partition.map(|partition| partition.to_string()),
            "rows": chunk.rows.rows,
            "checksum": chunk.rows.checksum,
            "log_rows": chunk.log.rows,
            "log_checksum": chunk.log.checksum,
            "same": chunk.finding.is_right(),
            "found": found(&chunk.finding),
            "differing": examples(chunk).iter().map(sentence).collect::<Vec<_>>(),
        })
    });
    let partitions = report.partitions.iter().map(|compared| {
        json!({ "partition": compared.partition.to_string(), "sequence": compared.sequence, "erased": compared.erased })
    });
    json!({
        "projection": name,
        "version": version,
        "same": report.is_same(),
        "left_out": report.left_out,
        "partitions": partitions.collect::<Vec<_>>(),
        "tables": tables.collect::<Vec<_>>(),
    })
}
