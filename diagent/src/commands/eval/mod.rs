//! `diagent eval`: how well an agent's pages answer a set of questions. It reads Postgres as the responder does, so nothing is
//! written: no conversation, no gap, no count.

mod questions;
mod report;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use events::{AgentId, Clock, Subject, agent::Agent};
use responder::{Lookups, config::EmbeddingConfig};

use self::{
    questions::Asked,
    report::{Outcome, Report},
};
use crate::{
    infra::{self, EMBEDDING_FILE, InfraArgs},
    print,
};

/// Measure what questions find in an agent's pages.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// One question a line, a tab, the pages that answer it separated by spaces (ends of their paths are enough); without a
    /// page it is one that the site does not answer. Empty lines and those that begin with # are passed over
    #[arg(short, long)]
    file: PathBuf,
    #[arg(long)]
    agent: AgentId,
    /// What an earlier run printed with --json: the figures stand beside each other
    #[arg(long)]
    compare: Option<PathBuf>,
    #[command(flatten)]
    embedding: EmbeddingConfig,
    /// For scripts, and for a later --compare
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Asks one question after the other, and prints what they come to.
    ///
    /// # Errors
    /// A file cannot be read, the database is away, or there is no such agent, or it knows no page.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let questions = fs::read_to_string(&self.file)
            .map_err(anyhow::Error::from)
            .and_then(|text| questions::parse(&text))
            .with_context(|| format!("cannot read questions from {}", self.file.display()))?;
        let before = self.compare.as_ref().map(read_report).transpose()?;
        let pool = infra::database_of_passages(&infra.database_or_ups()?, "operator")?;
        let lookups = Lookups::new(pool, &self.embedding(infra)?).await?;
        let known = lookups.pages(self.agent).await?;
        if known.is_empty() {
            self.explain_nothing(infra).await?;
        }
        let mut outcomes = Vec::with_capacity(questions.len());
        for asked in &questions {
            outcomes.push(ask(&lookups, self.agent, asked).await?);
        }
        let report = Report {
            unknown_pages: questions::unknown_pages(&questions, &known),
            ..Report::of(outcomes)
        };
        if self.json {
            print::json(&serde_json::to_value(&report)?);
        } else {
            report.show(before.as_ref());
        }
        Ok(())
    }
}

impl Eval {
    /// Why there is nothing to look up: the database does not know agents, only their pages; the log does.
    async fn explain_nothing(&self, infra: &InfraArgs) -> anyhow::Result<()> {
        let id = self.agent;
        if let Some(nats_url) = infra.nats_or_ups()? {
            let log = infra.log(&nats_url, "operator", Clock::default()).await?;
            let agent = log.load::<Agent>(&Subject::Agent { agent_id: id }).await?;
            if agent.state.definition().is_none() {
                bail!("there is no agent {id}");
            }
        }
        bail!("agent {id} knows no page; teach it some with: diagent knowledge crawl --agent {id} --url URL");
    }

    /// The endpoint that was named, or else that of a running `diagent up` on the data folder.
    fn embedding(&self, infra: &InfraArgs) -> anyhow::Result<EmbeddingConfig> {
        let mut config = self.embedding.clone();
        if config.is_unset() {
            config.embedding_base_url = infra.ups(EMBEDDING_FILE)?;
        }
        Ok(config)
    }
}

fn read_report(file: &PathBuf) -> anyhow::Result<Report> {
    let explain = || format!("{} is not what `diagent eval --json` printed", file.display());
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(explain)
}

async fn ask(lookups: &Lookups, agent: AgentId, asked: &Asked) -> anyhow::Result<Outcome> {
    let found = lookups.find(agent, &asked.question).await?;
    let latency_ms = report::millis(found.searched_for);
    Ok(Outcome {
        question: asked.question.clone(),
        answerable: asked.is_answerable(),
        rank: asked.rank(&found.pages),
        low_confidence: found.low_confidence,
        latency_ms,
        pages: found.pages.into_iter().take(3).collect(),
    })
}
