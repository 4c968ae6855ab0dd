//! The Postgres store of cqrs-es, a small project of its own since it takes an older sqlx than ours.

use std::time::Duration;

use tokio::process::Command;

use super::{Peer, Program, installed, program::within, sources};

pub(super) const NAME: &str = "postgres-es";

const PATIENCE: Duration = Duration::from_mins(20);

pub(super) async fn install() -> anyhow::Result<Peer> {
    let target = installed(NAME);
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(sources(NAME).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    within(command, PATIENCE).await?;
    Ok(Peer::Program(Program {
        command: target.join("release/postgres-es-peer").into(),
        arguments: Vec::new(),
        environment: Vec::new(),
    }))
}
