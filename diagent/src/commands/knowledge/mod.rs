//! `diagent knowledge`: what agents know.

mod list;
mod put;
mod remove;

use self::{list::List, put::Put, remove::Remove};
use crate::infra::InfraArgs;

/// What agents know.
#[derive(Debug, clap::Subcommand)]
pub enum KnowledgeCommand {
    /// Put files (HTML, Markdown or text) into an agent's knowledge
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
            Self::Put(put) => put.run(infra).await,
            Self::List(list) => list.run(infra).await,
            Self::Remove(remove) => remove.run(infra).await,
        }
    }
}
