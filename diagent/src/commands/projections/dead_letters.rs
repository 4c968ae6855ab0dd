//! `diagent projections dead-letters`

use anyhow::{Context as _, ensure};
use comfy_table::{Table, presets::NOTHING};
use projector::operate::{self, Letter};
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _, postgres::PgRow};

use super::AWAY;
use crate::print;

const LIST: &str = "SELECT projection, version, partition, sequence, state, event_type, attempts, coalesce(error, '') AS error \
    FROM read.dead_letters WHERE $1::text IS NULL OR projection = $1 \
    ORDER BY projection, version, partition, sequence LIMIT 1000";
const SHOW: &str = "SELECT projection, version, partition, sequence, state, event_type, attempts, coalesce(error, '') AS error, \
    subject, stored_at::text, payload, \
    (SELECT count(*) FROM diagent.dead_letters AS w WHERE w.projection = d.projection AND w.version = d.version \
    AND w.partition = d.partition AND w.subject = d.subject AND w.sequence > d.sequence) AS waiting \
    FROM diagent.dead_letters AS d WHERE projection = $1 AND version = $2 AND partition = $3 AND sequence = $4";

/// Events that could not be applied.
#[derive(Debug, clap::Subcommand)]
pub enum DeadLettersCommand {
    /// Those that failed, and those that wait behind them
    List {
        /// Of this projection only
        projection: Option<String>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// One with its event; that may be what a visitor wrote
    Show {
        #[command(flatten)]
        which: Which,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// Apply one again, then what waits behind it
    Retry(Which),
    /// Leave one out for good, and apply what waits behind it
    Skip(Which),
    /// Apply all of a version again, each with what waits behind it
    RetryAll {
        /// The projection
        projection: String,
        /// Its version
        version: i32,
    },
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
            Self::List { projection, json } => list(pool, projection.as_deref(), json).await,
            Self::Show { which, json } => which.show(pool, json).await,
            Self::Retry(which) => {
                let partition = which.position.partition.to_string();
                let found = operate::retry(pool, which.letter(&partition)?).await.context(AWAY)?;
                which.decided(found, "is applied again")
            }
            Self::Skip(which) => {
                let partition = which.position.partition.to_string();
                let found = operate::skip(pool, which.letter(&partition)?).await.context(AWAY)?;
                which.decided(found, "is left out")
            }
            Self::RetryAll { projection, version } => {
                let count = operate::retry_all(pool, &projection, version).await.context(AWAY)?;
                ensure!(count > 0, "{projection} v{version} has no failed events");
                print::line(format!(
                    "{projection} v{version}: {count} events are applied again within seconds, each with what waits behind it"
                ));
                print::next("what still fails: diagent projections dead-letters list");
                Ok(())
            }
        }
    }
}

impl Which {
    fn letter<'a>(&'a self, partition: &'a str) -> anyhow::Result<Letter<'a>> {
        Ok(Letter {
            projection: &self.projection,
            version: self.version,
            partition,
            sequence: i64::try_from(self.position.sequence).context("there is no such position")?,
        })
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
        print::next("what is left: diagent projections dead-letters list");
        Ok(())
    }

    async fn show(&self, pool: &PgPool, as_json: bool) -> anyhow::Result<()> {
        let partition = self.position.partition.to_string();
        let letter = self.letter(&partition)?;
        let row = sqlx::query(SHOW)
            .bind(letter.projection)
            .bind(letter.version)
            .bind(letter.partition)
            .bind(letter.sequence)
            .fetch_optional(pool)
            .await
            .context(AWAY)?;
        let row = row.context("there is no such event set aside; see: diagent projections dead-letters list")?;
        let payload: Vec<u8> = row.try_get("payload")?;
        let event = serde_json::from_slice::<Value>(&payload)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&payload).into_owned()));
        let mut shown = brief(&row)?;
        shown["subject"] = Value::from(row.try_get::<String, _>("subject")?);
        shown["stored_at"] = Value::from(row.try_get::<String, _>("stored_at")?);
        shown["waiting_behind"] = Value::from(row.try_get::<i64, _>("waiting")?);
        shown["event"] = event;
        if as_json {
            print::json(&shown);
            return Ok(());
        }
        print::line(format!("{shown:#}"));
        let Self {
            projection,
            version,
            position,
        } = self;
        print::next(&format!(
            "apply it again with: diagent projections dead-letters retry {projection} {version} {position}; or leave it out with skip"
        ));
        Ok(())
    }
}

fn brief(row: &PgRow) -> sqlx::Result<Value> {
    let (partition, sequence): (String, i64) = (row.try_get("partition")?, row.try_get("sequence")?);
    Ok(json!({
        "projection": row.try_get::<String, _>("projection")?,
        "version": row.try_get::<i32, _>("version")?,
        "position": format!("{partition}:{sequence}"),
        "state": row.try_get::<String, _>("state")?,
        "type": row.try_get::<String, _>("event_type")?,
        "attempts": row.try_get::<i32, _>("attempts")?,
        "error": row.try_get::<String, _>("error")?,
    }))
}

async fn list(pool: &PgPool, projection: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let rows = sqlx::query(LIST).bind(projection).fetch_all(pool).await.context(AWAY)?;
    let letters = rows.iter().map(brief).collect::<sqlx::Result<Vec<Value>>>()?;
    if as_json {
        print::json(&Value::from(letters));
        return Ok(());
    }
    if letters.is_empty() {
        print::line("there are none");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "PROJECTION",
        "VERSION",
        "POSITION",
        "STATE",
        "TYPE",
        "ATTEMPTS",
        "ERROR",
    ]);
    for letter in &letters {
        let columns = [
            "projection",
            "version",
            "position",
            "state",
            "type",
            "attempts",
            "error",
        ];
        table.add_row(columns.map(|column| match &letter[column] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    print::line(table.to_string());
    print::next("one with its event: diagent projections dead-letters show PROJECTION VERSION POSITION");
    Ok(())
}
