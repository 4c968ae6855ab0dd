//! Peers that come from npm.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use tokio::process::Command;

use crate::install::{installed, sources, within};

const PATIENCE: Duration = Duration::from_mins(5);

/// Installs what `peer`'s lock file names, and copies its `scripts` beside; answers the folder.
pub(super) async fn install(peer: &str, scripts: &[&str]) -> anyhow::Result<PathBuf> {
    let (sources, folder) = (sources(peer), installed(peer));
    fs::create_dir_all(&folder)?;
    let lock = fs::read(sources.join("package-lock.json"))?;
    let is_there = fs::read(folder.join("package-lock.json")).is_ok_and(|there| there == lock)
        // What npm writes last.
        && folder.join("node_modules/.package-lock.json").exists();
    for file in ["package.json", "package-lock.json"].iter().chain(scripts) {
        fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    if !is_there {
        let mut command = Command::new("npm");
        command
            .args(["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--prefix"])
            .arg(&folder);
        within(command, PATIENCE).await?;
    }
    Ok(folder)
}
