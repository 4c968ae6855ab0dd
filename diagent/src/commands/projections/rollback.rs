//! `diagent projections rollback`

use anyhow::Context as _;
use projector::versions;
use sqlx::PgPool;

use super::{AWAY, known, promote};
use crate::print;

/// Show the version that readers saw before.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// The projection
    name: String,
}

impl Rollback {
    pub(super) async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        let name = known(&self.name)?.name;
        let from = versions::live(pool, name)
            .await
            .context(AWAY)?
            .context("nothing of it is live")?;
        let to = versions::before_live(pool, name).await.context(AWAY)?.with_context(|| {
            format!("{name}: readers saw no version before {from}; another one is built with: diagent projections rebuild {name}")
        })?;
        promote::show(pool, name, to).await?;
        let behind = promote::behind(pool, name, to, from).await?;
        if behind > 0 {
            print::line(format!(
                "{name}: version {to} is {behind} events behind version {from}; a projector of its definition brings it up"
            ));
        }
        print::next(&format!(
            "forward again with: diagent projections promote {name} {from}; or take it away with: diagent projections drop {name} {from}"
        ));
        Ok(())
    }
}
