//! `diagent agent apply`

use std::path::PathBuf;

use events::AgentId;

use super::change::{Change, Consent};
use crate::{
    commands::{
        api::{Api, ApiArgs},
        definition,
    },
    infra::InfraArgs,
};

/// Define an agent as a file says.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// The file
    #[arg(short, long)]
    file: PathBuf,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    api: ApiArgs,
}

impl Apply {
    /// Shows what changes, and applies it.
    ///
    /// # Errors
    /// The file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let (agent, definition) = definition::read::<AgentId>(&self.file)?;
        let api = Api::new(self.api, infra)?;
        Change {
            api: &api,
            agent,
            definition,
        }
        .apply(&self.consent)
        .await
    }
}
