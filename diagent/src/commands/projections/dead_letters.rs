//! `diagent projections dead-letters`

use anyhow::{Context as _, ensure};
use comfy_table::{Table, presets::NOTHING};
use projector::operate::{self, Letter};
use sqlx::{PgPool, Row as _};

use super::AWAY;
use crate::print;

const LIST: &str = "SELECT projection, version, partition, sequence, state, event_type, coalesce(error, '') AS error \
    FROM read.dead_letters ORDER BY projection, version, partition, sequence LIMIT 1000";

/// Events that could not be applied.
#[derive(Debug, clap::Subcommand)]
pub enum DeadLettersCommand {
    /// Those that failed, and those that wait behind them
    List,
    /// Apply one again, then what waits behind it
    Retry(Which),
    /// Leave one out, and apply what waits behind it
    Skip(Which),
}

/// One event of one version of a projection.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The projection
    projection: String,
    /// Its version
    version: i32,
    /// Where the event stands, for example 3:1042
    position: events::Position,
}

impl DeadLettersCommand {
    /// Does it.
    ///
    /// # Errors
    /// The database cannot be reached, or there is no such event.
    pub async fn run(self, pool: &PgPool) -> anyhow::Result<()> {
        match self {
            Self::List => list(pool).await,
            Self::Retry(which) => {
                let (partition, letter) = which.letter()?;
                let found = operate::retry(
                    pool,
                    Letter {
                        partition: &partition,
                        ..letter
                    },
                )
                .await
                .context(AWAY)?;
                which.decided(found, "is applied again")
            }
            Self::Skip(which) => {
                let (partition, letter) = which.letter()?;
                let found = operate::skip(
                    pool,
                    Letter {
                        partition: &partition,
                        ..letter
                    },
                )
                .await
                .context(AWAY)?;
                which.decided(found, "is left out")
            }
        }
    }
}

impl Which {
    fn letter(&self) -> anyhow::Result<(String, Letter<'_>)> {
        let sequence = i64::try_from(self.position.sequence).context("there is no such position")?;
        let letter = Letter {
            projection: &self.projection,
            version: self.version,
            partition: "",
            sequence,
        };
        Ok((self.position.partition.to_string(), letter))
    }

    fn decided(&self, found: bool, what: &str) -> anyhow::Result<()> {
        let Self {
            projection,
            version,
            position,
        } = self;
        ensure!(
            found,
            "{projection} v{version} has no failed event at {position}; see: diagent projections dead-letters list"
        );
        print::line(format!(
            "{projection} v{version}: the event at {position} {what} within seconds, then what waits behind it"
        ));
        Ok(())
    }
}

async fn list(pool: &PgPool) -> anyhow::Result<()> {
    let rows = sqlx::query(LIST).fetch_all(pool).await.context(AWAY)?;
    if rows.is_empty() {
        print::line("there are none");
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["PROJECTION", "VERSION", "POSITION", "STATE", "TYPE", "ERROR"]);
    for row in rows {
        let (partition, sequence): (String, i64) = (row.try_get("partition")?, row.try_get("sequence")?);
        table.add_row([
            row.try_get::<String, _>("projection")?,
            row.try_get::<i32, _>("version")?.to_string(),
            format!("{partition}:{sequence}"),
            row.try_get("state")?,
            row.try_get("event_type")?,
            row.try_get("error")?,
        ]);
    }
    print::line(table.to_string());
    Ok(())
}
