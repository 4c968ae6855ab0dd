//! `diagent projections`: where the read models stand, and what operators do with them while they run.

mod accept_loss;
mod dead_letters;
mod drop_version;
mod list;
mod pause;
mod promote;
mod rebuild;
mod rollback;
mod verify;

use anyhow::Context as _;
use events::Clock;
use projector::{Registered, Stores, registry};
use sqlx::PgPool;

use self::{
    accept_loss::AcceptLoss,
    dead_letters::DeadLettersCommand,
    drop_version::DropVersion,
    list::List,
    pause::{Pause, Resume},
    promote::Promote,
    rebuild::Rebuild,
    rollback::Rollback,
    verify::Verify,
};
use crate::infra::{self, InfraArgs, SettingError};

/// Read models: where they stand, and what is done with them.
#[derive(Debug, clap::Subcommand)]
pub enum ProjectionsCommand {
    /// Every projection with its version, position and lag
    List(List),
    /// Build another version beside the live one
    Rebuild(Rebuild),
    /// Compare a version's rows with the log, while both are written
    Verify(Verify),
    /// Show a version to readers, once it has been verified
    Promote(Promote),
    /// Show the version that readers saw before
    Rollback(Rollback),
    /// Take a version away that readers do not see
    Drop(DropVersion),
    /// Stop a projection where it is
    Pause(Pause),
    /// Let a paused or halted projection go on
    Resume(Resume),
    AcceptLoss(AcceptLoss),
    /// Events that could not be applied
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

impl ProjectionsCommand {
    /// Does it, and says what comes next.
    ///
    /// # Errors
    /// The database or the log cannot be reached, or there is no such projection.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(infra).await,
            Self::Rebuild(command) => command.run(&connect(infra)?).await,
            Self::Verify(command) => command.run(&stores(infra).await?).await,
            Self::Promote(command) => command.run(infra).await,
            Self::Rollback(command) => command.run(&connect(infra)?).await,
            Self::Drop(command) => command.run(&stores(infra).await?).await,
            Self::Pause(command) => command.run(&connect(infra)?).await,
            Self::Resume(command) => command.run(&connect(infra)?).await,
            Self::AcceptLoss(command) => command.run(&connect(infra)?).await,
            Self::DeadLetters(command) => command.run(&connect(infra)?).await,
        }
    }
}

const AWAY: &str = "the database cannot be reached";

fn connect(infra: &InfraArgs) -> anyhow::Result<PgPool> {
    Ok(infra::database(&infra.database_or_ups()?, "operator")?)
}

async fn stores(infra: &InfraArgs) -> anyhow::Result<Stores> {
    let url = infra.nats_or_ups()?.ok_or_else(|| {
        let folder = infra.data_dir.display();
        SettingError(format!(
            "NATS_URL is not set, and `diagent up` does not run on {folder}"
        ))
    })?;
    Ok(Stores {
        pool: connect(infra)?,
        log: infra.log(&url, "operator", Clock::default()).await?,
    })
}

/// The projection of this name.
fn known(name: &str) -> anyhow::Result<Registered> {
    let mut all = registry::all();
    let names: Vec<&str> = all.iter().map(|projection| projection.name).collect();
    let there_are = format!("there is no projection {name}; there are {}", names.join(", "));
    let place = all.iter().position(|projection| projection.name == name);
    Ok(all.swap_remove(place.context(there_are)?))
}
