//! Log lines: for people on a terminal, JSON everywhere else.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::cli::Cli;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One object per line.
    Json,
}

/// Sends log lines to standard error, in the form and from the level that `cli` says.
pub fn start(cli: &Cli) {
    let is_terminal = std::io::stderr().is_terminal();
    let format = cli.log_format.unwrap_or(if is_terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    });
    let filter = EnvFilter::try_new(cli.log_filter()).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Pretty => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(is_terminal)
                    .with_target(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "log lines go elsewhere");
    }
}

/// Says why the command failed, to a person.
#[expect(clippy::print_stderr, reason = "a command's last word")]
pub fn failed(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
