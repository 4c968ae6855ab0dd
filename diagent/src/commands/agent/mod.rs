//! `diagent agent`: agents as files, and what they were before.

mod apply;
mod change;
mod history;
mod rollback;

use events::AgentId;
use reqwest::Method;
use serde_json::Value;

use self::{apply::Apply, history::History, rollback::Rollback};
use super::api::{Api, ApiArgs, Side};
use crate::{infra::InfraArgs, print};

/// Define agents.
#[derive(Debug, clap::Subcommand)]
pub enum AgentCommand {
    /// Define an agent as a file says (YAML or JSON: the body of `PUT /api/v1/agents/{id}`, and its `id`); shows what changes first
    Apply(Apply),
    /// Print an agent's definition
    Show {
        agent: AgentId,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List when an agent was defined
    History(History),
    /// Define an agent as it was before
    Rollback(Rollback),
    /// Print the JSON Schema of an agent's file
    Schema,
}

impl AgentCommand {
    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::Apply(apply) => apply.run(infra).await?,
            Self::Show { agent, api } => {
                let path = format!("agents/{agent}");
                let answer = Api::new(api, infra)?
                    .call((Side::Command, Method::GET), &path, &[], None)
                    .await?;
                print::json(&answer.json::<Value>().await?["data"]);
            }
            Self::History(history) => history.run(infra).await?,
            Self::Rollback(rollback) => rollback.run(infra).await?,
            Self::Schema => print::json(&events::schema::agent_file()),
        }
        Ok(())
    }
}
