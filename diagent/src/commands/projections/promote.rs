//! `diagent projections promote`

use anyhow::{Context as _, ensure};
use projector::versions;
use sqlx::PgPool;

use super::{AWAY, connect, known, stores, verify};
use crate::{infra::InfraArgs, print};

/// A version that is this far behind the live one would show readers the past.
const BEHIND_MAX: i64 = 1_000;

/// How many events the first version is behind the second.
const BEHIND: &str = "SELECT \
    (coalesce(sum(sequence) FILTER (WHERE version = $3), 0) - coalesce(sum(sequence) FILTER (WHERE version = $2), 0))::bigint \
    FROM diagent.checkpoints WHERE projection = $1";

/// Show a version to readers, once it has been verified.
#[derive(Debug, clap::Args)]
pub struct Promote {
    /// The projection
    name: String,
    /// The version that readers see from now on; by default the newest one that was built beside the live one
    version: Option<i32>,
    /// Do not compare the version with the log first: readers may see rows that are wrong
    #[arg(long)]
    unverified: bool,
}

impl Promote {
    pub(super) async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let projection = known(&self.name)?;
        let name = projection.name;
        let pool = connect(infra)?;
        let live = versions::live(&pool, name).await.context(AWAY)?;
        let version = match self.version {
            Some(version) => version,
            None => versions::unpromoted(&pool, &projection).await.context(AWAY)?.with_context(|| {
                format!("{name}: no version stands beside the live one; build one with: diagent projections rebuild {name}")
            })?,
        };
        let all = versions::all(&pool, name).await.context(AWAY)?;
        ensure!(
            all.contains(&version),
            "{name} has no version {version}; it has {}",
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
        ensure!(live != Some(version), "{name}: version {version} is live already");
        if let Some(live) = live {
            let behind = behind(&pool, name, version, live).await?;
            ensure!(
                behind <= BEHIND_MAX,
                "{name}: version {version} is {behind} events behind version {live}; watch it with: diagent projections rebuild {name}"
            );
        }
        if self.unverified {
            print::line(format!("{name}: version {version} was not compared with the log"));
        } else {
            let report = verify::verified(&stores(infra).await?, &projection, version).await?;
            verify::show(name, version, &report);
            ensure!(
                report.is_same(),
                "version {version} is not what the log says, so readers do not see it; build another with: diagent projections \
                 drop {name} {version} && diagent projections rebuild {name}"
            );
        }
        show(&pool, name, version).await?;
        if let Some(live) = live {
            print::next(&format!(
                "go back with: diagent projections rollback {name}; or take the old one away with: diagent projections drop {name} {live}"
            ));
        }
        Ok(())
    }
}

/// Points readers at `version`.
pub(super) async fn show(pool: &PgPool, name: &str, version: i32) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await.context(AWAY)?;
    versions::promote(&mut connection, name, version)
        .await
        .context("it could not be promoted")?;
    print::line(format!("{name}: readers see version {version}"));
    Ok(())
}

/// How many events `version` is behind `other`.
pub(super) async fn behind(pool: &PgPool, name: &str, version: i32, other: i32) -> anyhow::Result<i64> {
    sqlx::query_scalar(BEHIND)
        .bind(name)
        .bind(version)
        .bind(other)
        .fetch_one(pool)
        .await
        .context(AWAY)
}
