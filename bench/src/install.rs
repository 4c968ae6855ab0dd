//! What Diagent is compared with comes from elsewhere: it is built from `bench/peers` into `target/bench/peers`, and run as programs.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::{process::Command, time::timeout};

const PATIENCE: Duration = Duration::from_mins(20);

/// The folder of `peer`'s sources.
pub(crate) fn sources(peer: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(peer)
}

/// Where `peer` is installed.
pub(crate) fn installed(peer: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/bench/peers")
        .join(peer)
}

/// Builds a peer that is a Cargo project of its own; answers the folder of its programs.
pub(crate) async fn build(peer: &str) -> anyhow::Result<PathBuf> {
    let target = installed(peer);
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(sources(peer).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    within(command, PATIENCE).await?;
    Ok(target.join("release"))
}

/// What a command prints until it ends, which it must do in time and well.
pub(crate) async fn within(mut command: Command, patience: Duration) -> anyhow::Result<String> {
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
