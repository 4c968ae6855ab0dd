//! A peer that is not of Rust, or not of our versions: a program that prints how many events it has appended per second.

use std::{ffi::OsString, time::Duration};

use anyhow::Context as _;
use tokio::process::Command;

use super::Load;
use crate::{append::LASTING, install::within};

const PATIENCE: Duration = Duration::from_mins(1);

/// How it is called.
pub(super) struct Program {
    pub(super) command: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, OsString)>,
}

impl Program {
    pub(super) async fn append(&self, database: &str, load: Load) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.command);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("DATABASE_URL", database)
            .env("EVENT", super::event())
            .env("WRITERS", load.writers.to_string())
            .env("BATCH", load.batch.to_string())
            .env("MILLISECONDS", LASTING.as_millis().to_string());
        let printed = within(command, PATIENCE).await?;
        printed.trim().parse().with_context(|| format!("no figure: {printed}"))
    }
}
