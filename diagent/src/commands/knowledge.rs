//! `diagent knowledge`

use std::path::PathBuf;

use anyhow::Context as _;
use events::AgentId;
use reqwest::Method;
use serde_json::json;

use super::api::{Api, ApiArgs, Side};
use crate::{infra::InfraArgs, print};

/// What agents know.
#[derive(Debug, clap::Subcommand)]
pub enum KnowledgeCommand {
    /// Put a file (HTML, Markdown or text) into an agent's knowledge
    Put {
        file: PathBuf,
        #[arg(long)]
        agent: AgentId,
        /// The address that citations open
        #[arg(long)]
        url: String,
        /// The page's title; without it, the file's name
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Take a page out of an agent's knowledge
    Remove {
        #[arg(long)]
        agent: AgentId,
        /// The page's address
        #[arg(long)]
        url: String,
        #[command(flatten)]
        api: ApiArgs,
    },
}

impl KnowledgeCommand {
    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::Put {
                file,
                agent,
                url,
                title,
                api,
            } => {
                let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let is_html = file
                    .extension()
                    .is_some_and(|extension| extension == "html" || extension == "htm");
                let name = file.file_stem().map(|name| name.to_string_lossy().into_owned());
                let kind = if is_html { "html" } else { "text" };
                let title = title.or(name).unwrap_or_default();
                let body = json!({ "url": url, "title": title, kind: text });
                let path = format!("agents/{agent}/documents");
                Api::new(api, infra)?
                    .call((Side::Command, Method::PUT), &path, &[], Some(&body))
                    .await?;
                print::line(format!("{url} is known"));
            }
            Self::Remove { agent, url, api } => {
                let path = format!("agents/{agent}/documents");
                let query = [("url", url.clone())];
                Api::new(api, infra)?
                    .call((Side::Command, Method::DELETE), &path, &query, None)
                    .await?;
                print::line(format!("{url} is forgotten"));
            }
        }
        Ok(())
    }
}
