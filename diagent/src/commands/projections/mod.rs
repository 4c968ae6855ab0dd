//! `diagent projections`: where the read models stand, and what operators do with them while they run.

mod accept_loss;
mod dead_letters;
mod list;
mod rebuild;

use anyhow::{Context as _, ensure};
use projector::{operate, registry, versions};
use sqlx::PgPool;

use self::{accept_loss::AcceptLoss, dead_letters::DeadLettersCommand, list::List};
use crate::{
    infra::{self, InfraArgs},
    print,
};

/// Read models: where they stand, and what is done with them.
#[derive(Debug, clap::Subcommand)]
pub enum ProjectionsCommand {
    /// Every projection with its version, position and lag
    List(List),
    /// Build another version beside the live one
    Rebuild {
        /// The projection
        name: String,
        /// Return at once instead of showing how far it is
        #[arg(long)]
        no_wait: bool,
    },
    /// Show a version to readers; the one before stays, so the same command goes back to it
    Promote {
        /// The projection
        name: String,
        /// The version that readers see from now on
        version: i32,
    },
    /// Stop a projection where it is
    Pause {
        /// The projection
        name: String,
    },
    /// Let a paused or halted projection go on
    Resume {
        /// The projection
        name: String,
    },
    AcceptLoss(AcceptLoss),
    /// Events that could not be applied
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

impl ProjectionsCommand {
    /// Does it, and says what comes next.
    ///
    /// # Errors
    /// The database cannot be reached, or there is no such projection.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(infra).await,
            Self::Rebuild { name, no_wait } => rebuild::run(&connect(infra)?, &known(name)?, no_wait).await,
            Self::Promote { name, version } => promote(&connect(infra)?, &known(name)?, version).await,
            Self::Pause { name } => {
                let paused = operate::pause(&connect(infra)?, &known(name.clone())?)
                    .await
                    .context(AWAY)?;
                print::line(format!(
                    "{name}: {paused} partitions stop within a second; go on with: diagent projections resume {name}"
                ));
                Ok(())
            }
            Self::Resume { name } => {
                let resumed = operate::resume(&connect(infra)?, &known(name.clone())?)
                    .await
                    .context(AWAY)?;
                print::line(format!("{name}: {resumed} partitions go on within a second"));
                Ok(())
            }
            Self::AcceptLoss(command) => command.run(&connect(infra)?).await,
            Self::DeadLetters(command) => command.run(&connect(infra)?).await,
        }
    }
}

const AWAY: &str = "the database cannot be reached";

fn connect(infra: &InfraArgs) -> anyhow::Result<PgPool> {
    Ok(infra::database(&infra.database_or_ups()?, "operator")?)
}

/// A name that is one of ours.
fn known(name: String) -> anyhow::Result<String> {
    let names: Vec<&str> = registry::all().iter().map(|projection| projection.name).collect();
    ensure!(
        names.contains(&name.as_str()),
        "there is no projection {name}; there are {}",
        names.join(", ")
    );
    Ok(name)
}

async fn promote(pool: &PgPool, name: &str, version: i32) -> anyhow::Result<()> {
    const LIVE: &str = "SELECT version FROM diagent.versions WHERE projection = $1 AND live";
    let before: Option<i32> = sqlx::query_scalar(LIVE)
        .bind(name)
        .fetch_optional(pool)
        .await
        .context(AWAY)?;
    let mut connection = pool.acquire().await.context(AWAY)?;
    versions::promote(&mut connection, name, version)
        .await
        .context("it could not be promoted")?;
    print::line(format!("{name}: readers see version {version}"));
    if let Some(before) = before.filter(|before| *before != version) {
        print::line(format!("go back with: diagent projections promote {name} {before}"));
    }
    Ok(())
}
