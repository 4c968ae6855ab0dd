//! `diagent knowledge`: what agents know.

mod crawl;
mod isolated;
mod list;
mod pdf;
mod put;
mod remove;
mod wait;

use self::{crawl::Crawl, list::List, put::Put, remove::Remove};
use crate::infra::InfraArgs;

/// What agents know.
#[derive(Debug, clap::Subcommand)]
pub enum KnowledgeCommand {
    /// Crawl a site into an agent's knowledge: its sitemap and links, on one host beneath one path
    Crawl(Crawl),
    /// Put files (HTML, Markdown, text or PDF) into an agent's knowledge
    Put(Put),
    /// Every page that an agent knows
    List(List),
    /// Take a page out of an agent's knowledge
    Remove(Remove),
}

impl KnowledgeCommand {
    /// Does it.
    ///
    /// # Errors
    /// A file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::Crawl(crawl) => Box::pin(crawl.run(infra)).await,
            Self::Put(put) => Box::pin(put.run(infra)).await,
            Self::List(list) => list.run(infra).await,
            Self::Remove(remove) => remove.run(infra).await,
        }
    }
}
