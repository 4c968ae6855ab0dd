//! `diagent projections rebuild`

use std::time::Duration;

use anyhow::{Context as _, bail};
use projector::{migrate, versions};
use sqlx::PgPool;

use super::{AWAY, known};
use crate::{commands::bar, print};

const POLL: Duration = Duration::from_millis(250);

/// How far the new version is, in events of the log, beside the live one.
const PROGRESS: &str = "SELECT \
    coalesce(sum(sequence) FILTER (WHERE version = $2), 0)::bigint, \
    coalesce(sum(sequence) FILTER (WHERE live), 0)::bigint, \
    coalesce(max(reason) FILTER (WHERE version = $2 AND state = 'halted'), '') \
    FROM read.checkpoints WHERE projection = $1";

/// Build another version beside the live one.
#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// The projection
    name: String,
    /// Return at once instead of showing how far it is
    #[arg(long)]
    no_wait: bool,
    /// Build one more, even when one is being built
    #[arg(long)]
    another: bool,
}

impl Rebuild {
    /// The running projectors build it; this command only watches, and can be given up and run again.
    pub(super) async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        let projection = known(&self.name)?;
        let name = projection.name;
        let begun = if self.another {
            None
        } else {
            versions::unpromoted(pool, &projection).await.context(AWAY)?
        };
        let version = if let Some(version) = begun {
            print::line(format!("{name}: version {version} stands beside the live one already"));
            version
        } else {
            let version = migrate::rebuild(pool, &projection)
                .await
                .context("the new version could not be made")?;
            print::line(format!(
                "{name}: version {version} is built beside the live one by the running projectors"
            ));
            version
        };
        if self.no_wait {
            print::next(&format!("watch it with: diagent projections rebuild {name}"));
            return Ok(());
        }
        watch(pool, name, version).await?;
        print::line(format!("{name}: version {version} has caught up with the live one"));
        print::next(&format!(
            "verify it and show it to readers with: diagent projections promote {name}"
        ));
        Ok(())
    }
}

/// Shows a bar until the new version has caught up with the live one.
async fn watch(pool: &PgPool, name: &str, version: i32) -> anyhow::Result<()> {
    let bar = bar::over_events(format!("{name} v{version}"));
    loop {
        let progress: (i64, i64, String) = sqlx::query_as(PROGRESS)
            .bind(name)
            .bind(version)
            .fetch_one(pool)
            .await
            .context(AWAY)?;
        let (done, live, halted) = progress;
        if !halted.is_empty() {
            bar.abandon();
            bail!("version {version} of {name} halted: {halted}");
        }
        bar.set_length(u64::try_from(live).unwrap_or_default());
        bar.set_position(u64::try_from(done).unwrap_or_default());
        if done >= live {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}
