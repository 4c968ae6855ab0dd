//! `diagent knowledge remove`

use events::AgentId;
use reqwest::Method;

use super::wait;
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
    /// Return when the removal is stored; the page may still be found for a moment
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Remove {
    /// Removes it; returns when it is found no more.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let path = format!("agents/{}/documents", self.agent);
        let query = [("url", self.url.clone())];
        let api = Api::new(self.api, infra)?;
        let answer = api.call((Side::Command, Method::DELETE), &path, &query, None).await?;
        if !self.no_wait {
            wait::until_indexed(&api, self.agent, Api::position(&answer)).await?;
        }
        print::line(format!("{} is forgotten", self.url));
        Ok(())
    }
}
