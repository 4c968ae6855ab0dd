//! `diagent workspace`

use std::path::PathBuf;

use events::WorkspaceId;
use reqwest::Method;
use serde_json::Value;

use super::{
    api::{Api, ApiArgs, Side},
    definition,
};
use crate::{infra::InfraArgs, print};

/// Define workspaces.
#[derive(Debug, clap::Subcommand)]
pub enum WorkspaceCommand {
    /// Define a workspace as a file says (YAML or JSON: the body of `PUT /api/v1/workspaces/{id}`, and its `id`)
    Apply {
        /// The file
        #[arg(short, long)]
        file: PathBuf,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Print a workspace's definition
    Show {
        workspace: WorkspaceId,
        #[command(flatten)]
        api: ApiArgs,
    },
}

impl WorkspaceCommand {
    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::Apply { file, api } => {
                let (id, body) = definition::read::<WorkspaceId>(&file)?;
                Api::new(api, infra)?
                    .call(
                        (Side::Command, Method::PUT),
                        &format!("workspaces/{id}"),
                        &[],
                        Some(&body),
                    )
                    .await?;
                print::line(format!("workspace {id} is defined"));
            }
            Self::Show { workspace, api } => {
                let answer = Api::new(api, infra)?
                    .call(
                        (Side::Command, Method::GET),
                        &format!("workspaces/{workspace}"),
                        &[],
                        None,
                    )
                    .await?;
                print::json(&answer.json::<Value>().await?["data"]);
            }
        }
        Ok(())
    }
}
