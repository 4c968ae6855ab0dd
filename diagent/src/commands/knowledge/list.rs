//! `diagent knowledge list`

use comfy_table::{Table, presets::NOTHING};
use events::AgentId;
use reqwest::Method;
use serde_json::Value;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// As many as the read API gives at once.
const PAGE_LIMIT: usize = 200;

/// Every page that an agent knows.
#[derive(Debug, clap::Args)]
pub struct List {
    #[arg(long)]
    agent: AgentId,
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl List {
    /// Prints a table, or JSON; the last changed page first.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let api = Api::new(self.api, infra)?;
        let pages = pages(&api, self.agent).await?;
        if self.json {
            print::json(&Value::Array(pages));
            return Ok(());
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_header(["URL", "TITLE", "PASSAGES", "UPDATED"]);
        for page in &pages {
            let text = |key: &str| page[key].as_str().unwrap_or_default().to_owned();
            table.add_row([
                text("url"),
                text("title"),
                page["chunks"].to_string(),
                text("updated_at"),
            ]);
        }
        print::line(table.to_string());
        Ok(())
    }
}

/// Every page that `agent` knows, as the read API lists them.
///
/// # Errors
/// The API refuses.
pub(super) async fn pages(api: &Api, agent: AgentId) -> anyhow::Result<Vec<Value>> {
    let path = format!("agents/{agent}/documents");
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = vec![("limit", PAGE_LIMIT.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer = api.call((Side::Read, Method::GET), &path, &query, None).await?;
        let mut answer: Value = answer.json().await?;
        if let Value::Array(rows) = answer["data"].take() {
            pages.extend(rows);
        }
        cursor = answer["next_cursor"].as_str().map(ToOwned::to_owned);
        if cursor.is_none() {
            return Ok(pages);
        }
    }
}
