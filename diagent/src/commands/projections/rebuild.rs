//! `diagent projections rebuild`

use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use projector::{migrate, registry};
use sqlx::PgPool;

use super::AWAY;
use crate::print;

const POLL: Duration = Duration::from_millis(250);

/// How far the new version is, in events of the log, beside the live one.
const PROGRESS: &str = "SELECT \
    coalesce(sum(sequence) FILTER (WHERE version = $2), 0)::bigint, \
    coalesce(sum(sequence) FILTER (WHERE live), 0)::bigint, \
    coalesce(max(reason) FILTER (WHERE version = $2 AND state = 'halted'), '') \
    FROM read.checkpoints WHERE projection = $1";

pub(super) async fn run(pool: &PgPool, name: &str, no_wait: bool) -> anyhow::Result<()> {
    let projections = registry::all();
    let projection = projections
        .iter()
        .find(|projection| projection.name == name)
        .context("an unknown projection")?;
    let version = migrate::rebuild(pool, projection)
        .await
        .context("the new version could not be made")?;
    print::line(format!(
        "{name}: version {version} is built beside the live one by the running projectors"
    ));
    if !no_wait {
        watch(pool, name, version).await?;
    }
    print::line(format!(
        "show it to readers with: diagent projections promote {name} {version}"
    ));
    Ok(())
}

/// Shows a bar until the new version has caught up with the live one.
async fn watch(pool: &PgPool, name: &str, version: i32) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0).with_message(format!("{name} v{version}"));
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} events  {per_sec}  {eta}")
    {
        bar.set_style(style);
    }
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
