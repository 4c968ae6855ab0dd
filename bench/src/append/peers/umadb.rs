//! `UmaDB`, a server of its own that syncs before it acknowledges; server and client are one wheel of `PyPI`.

use std::{fs, time::Duration};

use tokio::process::Command;

use super::{Peer, Program};
use crate::install::{installed, sources, within};

pub(super) const NAME: &str = "umadb";

const PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn install() -> anyhow::Result<Peer> {
    let (sources, packages) = (sources(NAME), installed(NAME));
    let requirements = sources.join("requirements.txt");
    let pinned = fs::read(&requirements)?;
    if !fs::read(packages.join("requirements.txt")).is_ok_and(|there| there == pinned) {
        let mut command = Command::new("python3");
        command
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .args([
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--no-user",
                "--upgrade",
                "--target",
            ])
            .arg(&packages)
            .arg("--requirement")
            .arg(&requirements)
            .env("PIP_ROOT_USER_ACTION", "ignore");
        within(command, PATIENCE).await?;
        fs::write(packages.join("requirements.txt"), pinned)?;
    }
    Ok(Peer::Program(Program {
        command: "python3".into(),
        arguments: vec![sources.join("append.py").into()],
        environment: vec![("PYTHONPATH", packages.into())],
    }))
}
