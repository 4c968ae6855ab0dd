//! `diagent agent rollback`

use anyhow::{Context as _, bail};
use events::AgentId;

use super::{
    change::{Change, Consent},
    history::{version_of, versions},
};
use crate::{
    commands::api::{Api, ApiArgs},
    infra::InfraArgs,
};

/// Define an agent as it was before.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    agent: AgentId,
    /// The version to go back to; without it, the one before the last
    #[arg(long)]
    to: Option<usize>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    api: ApiArgs,
}

impl Rollback {
    /// Shows what changes, and makes the old definition the newest version.
    ///
    /// # Errors
    /// There is no such version, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let api = Api::new(self.api, infra)?;
        let version = if let Some(version) = self.to {
            version
        } else {
            let versions = versions(&api, self.agent).await?;
            let Some(before) = versions.get(1) else {
                bail!("agent {} was defined only once", self.agent);
            };
            usize::try_from(before["version"].as_u64().context("the answer has no version")?)?
        };
        let definition = version_of(&api, self.agent, version).await?;
        Change {
            api: &api,
            agent: self.agent,
            definition,
        }
        .apply(&self.consent)
        .await
    }
}
