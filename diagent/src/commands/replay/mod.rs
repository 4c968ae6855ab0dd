//! `diagent replay`: the event log on standard output, or as files that another run goes on with.

mod columns;
mod csv;
mod export;
mod parquet;
mod sink;
mod source;
mod state;

use std::path::PathBuf;

use anyhow::bail;
use bytes::BytesMut;
use read_api::replay::Filter;
use serde::{Deserialize, Serialize};

use self::{export::Export, source::Source};
use super::api::ApiArgs;
use crate::{infra::InfraArgs, print};

/// Read the event log.
#[derive(Debug, clap::Args)]
pub struct Replay {
    #[command(flatten)]
    filter: Filter,
    /// The form of what is written
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Write to this file, or for Parquet into this folder; the same command again goes on where it ended
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Begin anew instead of going on with what is at `--out`
    #[arg(long, requires = "out")]
    restart: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// One `CloudEvent` a line, each with its position
    Ndjson,
    /// One event a row: its attributes, and its data as JSON
    Csv,
    /// Files by day and type, with a typed column for each field
    Parquet,
}

impl Replay {
    /// Prints or writes the events.
    ///
    /// # Errors
    /// The log cannot be read, the API refuses or breaks off, or a file cannot be written.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        match &self.out {
            Some(out) => {
                let export = Export::open(out, self.format, &self.filter, self.restart)?;
                let source = Source::open(&export.rest(&self.filter), self.api, infra).await?;
                export.run(source).await
            }
            None if self.format == Format::Parquet => bail!("Parquet files need a folder: --out PATH"),
            None => self.print(infra).await,
        }
    }

    async fn print(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let mut source = Source::open(&self.filter, self.api, infra).await?;
        if self.format == Format::Csv && !print::bytes(csv::HEADER.as_bytes()) {
            return Ok(());
        }
        let mut lines = BytesMut::new();
        while source.read(&mut lines).await? {
            let is_read = match self.format {
                Format::Csv => print::bytes(&csv::rows(&lines)?),
                Format::Ndjson | Format::Parquet => print::bytes(&lines),
            };
            if !is_read {
                return Ok(());
            }
            lines.clear();
        }
        Ok(())
    }
}
