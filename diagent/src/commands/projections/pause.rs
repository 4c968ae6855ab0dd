//! `diagent projections pause` and `resume`

use anyhow::{Context as _, ensure};
use projector::operate;
use sqlx::PgPool;

use super::{AWAY, known};
use crate::print;

/// Stop a projection where it is.
#[derive(Debug, clap::Args)]
pub struct Pause {
    /// The projection
    name: String,
    /// Only this version of it; by default all
    #[arg(long)]
    version: Option<i32>,
}

/// Let a paused or halted projection go on.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The projection
    name: String,
    /// Only this version of it; by default all
    #[arg(long)]
    version: Option<i32>,
}

impl Pause {
    pub(super) async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        let Self { name, version } = self;
        let projection = known(&name)?;
        let paused = operate::pause(pool, projection.name, version).await.context(AWAY)?;
        ensure!(paused > 0, "{name}: nothing of it runs; see: diagent projections list");
        print::line(format!("{name}: {paused} partitions stop within a second"));
        print::next(&format!("go on with: diagent projections resume {name}{}", of(version)));
        Ok(())
    }
}

impl Resume {
    pub(super) async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        let Self { name, version } = self;
        let projection = known(&name)?;
        let resumed = operate::resume(pool, projection.name, version).await.context(AWAY)?;
        ensure!(
            resumed > 0,
            "{name}: nothing of it is paused or halted; see: diagent projections list"
        );
        print::line(format!("{name}: {resumed} partitions go on within a second"));
        print::next("watch them with: diagent projections list --watch");
        Ok(())
    }
}

fn of(version: Option<i32>) -> String {
    version
        .map(|version| format!(" --version {version}"))
        .unwrap_or_default()
}
