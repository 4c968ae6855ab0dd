//! Every command and where it is done.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        agent::AgentCommand, doctor::Doctor, eval::Eval, knowledge::KnowledgeCommand, projections::ProjectionsCommand,
        replay::Replay, schema::Schema, token::Token, workspace::WorkspaceCommand,
    },
    infra::InfraArgs,
    logging::LogFormat,
    roles::Role,
    up::Up,
};

/// The backend of a website's AI-agent chat widget.
#[derive(Debug, Parser)]
#[command(name = "diagent", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// `diagent` alone is `diagent up`
    #[command(flatten)]
    up: Up,

    /// Form of log lines; by default pretty on a terminal, JSON elsewhere
    #[arg(long, env = "LOG_FORMAT", value_enum, global = true)]
    pub log_format: Option<LogFormat>,

    /// What is logged, for example `info` or `warn,projector=debug`
    #[arg(long, env = "RUST_LOG", global = true)]
    log: Option<String>,

    #[command(flatten)]
    infra: InfraArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine
    Up(Up),
    #[command(flatten)]
    Role(Role),
    /// Mint a token for an operator or an analyst
    Token(Token),
    /// Define workspaces
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Define agents
    #[command(subcommand)]
    Agent(AgentCommand),
    /// What agents know
    #[command(subcommand)]
    Knowledge(KnowledgeCommand),
    /// Measure what questions find in an agent's pages
    Eval(Eval),
    /// Read models: where they stand, building them anew, going back
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Read the event log
    Replay(Replay),
    /// JSON Schemas of the events
    Schema(Schema),
    /// Say what this machine lacks
    Doctor(Doctor),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// With a message for the person who asked.
    pub async fn run(self) -> anyhow::Result<()> {
        let infra = self.infra.without_empty();
        match self.command.unwrap_or(Command::Up(self.up)) {
            Command::Up(up) => Box::pin(up.run(infra)).await,
            Command::Role(role) => Box::pin(role.run(&infra)).await,
            Command::Token(token) => token.run(&infra),
            Command::Workspace(command) => command.run(&infra).await,
            Command::Agent(command) => command.run(&infra).await,
            Command::Knowledge(command) => command.run(&infra).await,
            Command::Eval(eval) => Box::pin(eval.run(&infra)).await,
            Command::Projections(command) => Box::pin(command.run(&infra)).await,
            Command::Replay(replay) => Box::pin(replay.run(&infra)).await,
            Command::Schema(schema) => schema.run(),
            Command::Doctor(doctor) => doctor.run(&infra).await,
        }
    }

    /// The filter of log lines: `up` shows a person what goes wrong, a role tells a machine everything.
    pub fn log_filter(&self) -> String {
        let default = match self.command {
            // PostgreSQL's notices tell that what a migration makes is there already.
            Some(Command::Role(_)) => "info,sqlx::postgres::notice=warn",
            _ => "warn",
        };
        self.log.clone().unwrap_or_else(|| default.to_owned())
    }
}
