//! `diagent agent`

use std::path::PathBuf;

use events::AgentId;
use reqwest::Method;
use serde_json::Value;

use super::{
    api::{Api, ApiArgs, Side},
    definition,
};
use crate::{infra::InfraArgs, print};

/// Define agents.
#[derive(Debug, clap::Subcommand)]
pub enum AgentCommand {
    /// Define an agent as a file says (YAML or JSON: the body of `PUT /api/v1/agents/{id}`, and its `id`)
    Apply {
        /// The file
        #[arg(short, long)]
        file: PathBuf,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Print an agent's definition
    Show {
        agent: AgentId,
        #[command(flatten)]
        api: ApiArgs,
    },
}

impl AgentCommand {
    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::Apply { file, api } => {
                let (id, definition) = definition::read::<AgentId>(&file)?;
                let path = format!("agents/{id}");
                Api::new(api, infra)?
                    .call((Side::Command, Method::PUT), &path, &[], Some(&definition))
                    .await?;
                print::line(format!("agent {id} is defined"));
            }
            Self::Show { agent, api } => {
                let path = format!("agents/{agent}");
                let answer = Api::new(api, infra)?
                    .call((Side::Command, Method::GET), &path, &[], None)
                    .await?;
                print::json(&answer.json::<Value>().await?["data"]);
            }
        }
        Ok(())
    }
}
