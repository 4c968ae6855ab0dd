//! `diagent agent`: agents as files, and what they were before.

mod apply;
mod change;
mod history;
mod rollback;
mod show;

use self::{apply::Apply, history::History, rollback::Rollback, show::Show};
use crate::{infra::InfraArgs, print};

/// Define agents.
#[derive(Debug, clap::Subcommand)]
pub enum AgentCommand {
    /// Define an agent as a file says (YAML or JSON: the body of `PUT /api/v1/agents/{id}`, and its `id`); shows what changes first
    Apply(Apply),
    /// Print an agent's definition, as `apply` reads it
    Show(Show),
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
            Self::Show(show) => show.run(infra).await?,
            Self::History(history) => history.run(infra).await?,
            Self::Rollback(rollback) => rollback.run(infra).await?,
            Self::Schema => print::json(&events::schema::agent_file()),
        }
        Ok(())
    }
}
