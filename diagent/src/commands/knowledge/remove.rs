//! `diagent knowledge remove`

use events::AgentId;
use reqwest::Method;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// Take a page out of an agent's knowledge.
#[derive(Debug, clap::Args)]
pub struct Remove {
    #[arg(long)]
    agent: AgentId,
    /// The page's address
    #[arg(long)]
    url: String,
    #[command(flatten)]
    api: ApiArgs,
}

impl Remove {
    /// Removes it.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let path = format!("agents/{}/documents", self.agent);
        let query = [("url", self.url.clone())];
        Api::new(self.api, infra)?
            .call((Side::Command, Method::DELETE), &path, &query, None)
            .await?;
        print::line(format!("{} is forgotten", self.url));
        Ok(())
    }
}
