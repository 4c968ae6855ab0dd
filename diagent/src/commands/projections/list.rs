//! `diagent projections list`

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use reqwest::Method;
use serde_json::Value;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// Every projection with its version, position and lag.
#[derive(Debug, clap::Args)]
pub struct List {
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl List {
    /// Prints a table, or JSON.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let Self { json, api } = self;
        let answer = Api::new(api, infra)?
            .call((Side::Read, Method::GET), "projections", &[], None)
            .await?;
        let projections = answer.json::<Value>().await?["data"].take();
        if json {
            print::json(&projections);
            return Ok(());
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_header(["PROJECTION", "VERSION", "LIVE", "STATE", "LAG", "DEAD LETTERS"]);
        for projection in projections.as_array().into_iter().flatten() {
            let cell = |key: &str| match &projection[key] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            table.add_row(["projection", "version", "live", "state", "lag_events", "dead_letters"].map(cell));
        }
        for column in table.column_iter_mut().skip(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        print::line(table.to_string());
        Ok(())
    }
}
