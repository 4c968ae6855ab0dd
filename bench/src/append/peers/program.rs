//! A peer that is not of Rust, or not of our versions: a program that prints how many events it has appended per second.

use std::{ffi::OsString, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::{process::Command, time::timeout};

use super::Load;
use crate::append::LASTING;

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

/// What a command prints until it ends, which it must do in time and well.
pub(super) async fn within(mut command: Command, patience: Duration) -> anyhow::Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(patience, command.output())
        .await
        .with_context(|| format!("{name} did not end within {patience:?}"))?
        .with_context(|| format!("{name} cannot be run"))?;
    ensure!(
        output.status.success(),
        "{name} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}
