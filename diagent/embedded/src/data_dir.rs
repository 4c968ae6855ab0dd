//! One folder with everything that one installation keeps: one process at a time may use it.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};

/// A data folder that is ours until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes `path`, creating it when it is missing.
    ///
    /// # Errors
    /// Another process uses it, or it cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path).with_context(|| format!("{} is no folder", path.display()))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        // Whichever way the folder is named, what a crash left in it is found by this name.
        let path = fs::canonicalize(&path).with_context(|| format!("cannot enter {}", path.display()))?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join("lock"))
            .with_context(|| format!("cannot write to {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut owner = String::new();
                lock.read_to_string(&mut owner).context("cannot read the lock")?;
                bail!(
                    "{} is in use by process {}; stop that one, or set DIAGENT_DATA_DIR to another folder",
                    path.display(),
                    owner.trim()
                );
            }
            Err(fs::TryLockError::Error(error)) => return Err(error).context("cannot lock the data folder"),
        }
        lock.set_len(0).context("cannot write the lock")?;
        write!(lock, "{}", std::process::id()).context("cannot write the lock")?;
        Ok(Self { path, _lock: lock })
    }

    /// The process that uses `path`, if there is one; takes and creates nothing.
    ///
    /// # Errors
    /// The folder's lock cannot be read.
    pub fn owner(path: &Path) -> anyhow::Result<Option<String>> {
        let file = path.join("lock");
        let failed = || format!("cannot read {}", file.display());
        if !file.exists() {
            return Ok(None);
        }
        let mut lock = File::open(&file).with_context(failed)?;
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(fs::TryLockError::WouldBlock) => {
                let mut owner = String::new();
                lock.read_to_string(&mut owner).with_context(failed)?;
                Ok(Some(owner.trim().to_owned()))
            }
            Err(fs::TryLockError::Error(error)) => Err(error).with_context(failed),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret called `name`, made when it is first asked for: 32 random bytes in hexadecimal, readable by us alone.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn secret(&self, name: &str) -> anyhow::Result<String> {
        let folder = self.path.join("secrets");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .context("cannot create the folder of secrets")?;
        secret_in(&folder, name)
    }

    /// Keeps `value` under `name` beside the secrets, readable by us alone, until the next time.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let folder = self.path.join("secrets");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .context("cannot create the folder of secrets")?;
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.join(name))?;
        file.write_all(value.as_bytes()).context("cannot keep a value")
    }

    /// The secret called `name` of the installation in `path`, without taking the folder; for commands that run beside it.
    ///
    /// # Errors
    /// There is none.
    pub fn existing_secret(path: &Path, name: &str) -> anyhow::Result<String> {
        let file = path.join("secrets").join(name);
        let secret = fs::read_to_string(&file).with_context(|| {
            format!(
                "cannot read {}; start `diagent up` once, or set the secret",
                file.display()
            )
        })?;
        Ok(secret.trim().to_owned())
    }
}

pub(crate) fn secret_in(folder: &Path, name: &str) -> anyhow::Result<String> {
    let file = folder.join(name);
    if !file.exists() {
        let mut options = OpenOptions::new();
        let partial = folder.join(format!("{name}.partial"));
        let mut written = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        written.write_all(new_secret().as_bytes())?;
        written.sync_all()?;
        fs::rename(&partial, &file).context("cannot keep a secret")?;
    }
    let secret = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(secret.trim().len() >= 32, "{} is too short; remove it", file.display());
    Ok(secret.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "this crate depends on no other of ours")]
pub(crate) fn new_secret() -> String {
    use rand::Rng as _;
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}
