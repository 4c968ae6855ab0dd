//! `diagent agent history`

use comfy_table::{Table, presets::NOTHING};
use events::AgentId;
use reqwest::Method;
use serde_json::Value;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// List when an agent was defined.
#[derive(Debug, clap::Args)]
pub struct History {
    agent: AgentId,
    /// Print the definition of this version instead
    #[arg(long)]
    version: Option<usize>,
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl History {
    /// Prints the versions, the newest first, or one of them.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let api = Api::new(self.api, infra)?;
        if let Some(version) = self.version {
            print::json(&version_of(&api, self.agent, version).await?);
            return Ok(());
        }
        let versions = versions(&api, self.agent).await?;
        if self.json {
            print::json(&Value::Array(versions));
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["VERSION", "DEFINED", "POSITION"]);
        for version in &versions {
            let text = |key: &str| version[key].as_str().unwrap_or_default().to_owned();
            table.add_row([version["version"].to_string(), text("at"), text("position")]);
        }
        print::line(table.to_string());
        Ok(())
    }
}

/// The newest first.
///
/// # Errors
/// The API refuses.
pub(super) async fn versions(api: &Api, agent: AgentId) -> anyhow::Result<Vec<Value>> {
    let path = format!("agents/{agent}/versions");
    let answer = api.call((Side::Command, Method::GET), &path, &[], None).await?;
    let mut answer: Value = answer.json().await?;
    Ok(serde_json::from_value(answer["data"].take())?)
}

/// The agent's definition in `version`.
///
/// # Errors
/// There is no such version, or the API refuses.
pub(super) async fn version_of(api: &Api, agent: AgentId, version: usize) -> anyhow::Result<Value> {
    let path = format!("agents/{agent}/versions/{version}");
    let answer = api.call((Side::Command, Method::GET), &path, &[], None).await?;
    let mut answer: Value = answer.json().await?;
    Ok(answer["data"]["definition"].take())
}
