//! `diagent replay`: the event log as newline-delimited JSON, one `CloudEvent` a line.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use futures::StreamExt as _;
use reqwest::Method;

use super::api::{Api, ApiArgs, Side};
use crate::{infra::InfraArgs, print};

/// Read the event log.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Begin after this position, as in the `position` of a line
    #[arg(long)]
    after: Option<String>,
    /// Begin at this time (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// End before this time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
    /// Only of this agent
    #[arg(long)]
    agent: Option<String>,
    /// Only of this type; `*` at the end stands for anything
    #[arg(long = "type")]
    kind: Option<String>,
    /// Go on with what happens from now on
    #[arg(long)]
    follow: bool,
    /// The form of what is written
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Write to a file instead of standard output
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArgs,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One `CloudEvent` a line, each with its position
    Ndjson,
}

impl Replay {
    /// Prints or writes the events.
    ///
    /// # Errors
    /// The API refuses or breaks off, or the file cannot be written.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        // The one form there is, and the one that the API answers with.
        let Format::Ndjson = self.format;
        let given = [
            ("after", self.after),
            ("from", self.from),
            ("to", self.to),
            ("agent_id", self.agent),
            ("type", self.kind),
        ];
        let mut query: Vec<(&str, String)> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        if self.follow {
            query.push(("follow", "true".to_owned()));
        }
        let mut file = match &self.out {
            Some(path) => {
                Some(std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            None => None,
        };
        let answer = Api::new(self.api, infra)?
            .call((Side::Read, Method::GET), "events", &query, None)
            .await?;
        let mut events = answer.bytes_stream();
        while let Some(bytes) = events.next().await {
            let bytes = bytes.context("the log broke off; go on with --after and the last position")?;
            match &mut file {
                Some(file) => file.write_all(&bytes).context("the file cannot be written")?,
                None if print::bytes(&bytes) => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }
}
