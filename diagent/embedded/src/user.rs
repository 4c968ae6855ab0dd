//! PostgreSQL refuses to run as root, so as root it runs as somebody else, in folders that somebody else can reach.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

/// An unprivileged user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Accounts that own nothing of value, in order of preference.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who runs `PostgreSQL`; none when we are not root ourselves.
pub(crate) fn unprivileged() -> anyhow::Result<Option<User>> {
    if !is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| accounts.lines().find_map(|line| parse(line, name));
    match ACCOUNTS.into_iter().find_map(find) {
        Some(user) => Ok(Some(user)),
        None => bail!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"),
    }
}

fn parse(line: &str, name: &str) -> Option<User> {
    let mut fields = line.split(':');
    if fields.next() != Some(name) {
        return None;
    }
    Some(User {
        uid: fields.nth(1)?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

/// `folder`, or when we are root and others may not pass through to it, one of its own under `/var/tmp`.
pub(crate) fn reachable(folder: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(folder).with_context(|| format!("{} is no folder", folder.display()))?;
    if !is_root() || others_may_pass(&absolute) {
        return Ok(absolute);
    }
    let name = hex::encode(&Sha256::digest(absolute.as_os_str().as_encoded_bytes())[..8]);
    let instead = PathBuf::from("/var/tmp").join(format!("diagent-{name}"));
    match fs::DirBuilder::new().mode(0o755).create(&instead) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            // Anybody may create in /var/tmp: what stands there must be ours.
            let found = fs::symlink_metadata(&instead)?;
            ensure!(
                found.is_dir() && found.uid() == 0,
                "{} is not ours; remove it",
                instead.display()
            );
        }
        Err(error) => return Err(error).with_context(|| format!("cannot create {}", instead.display())),
    }
    let_pass(&instead)?;
    Ok(instead)
}

/// Lets everybody pass through `folder`, which is ours, whatever our umask made of it.
pub(crate) fn let_pass(folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot let others pass through {}", folder.display());
    let mut permissions = fs::metadata(folder).with_context(failed)?.permissions();
    permissions.set_mode(permissions.mode() | 0o011);
    fs::set_permissions(folder, permissions).with_context(failed)
}

/// Lets everybody read and run what we may read and run in `folder`.
pub(crate) fn let_read(folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot let others read {}", folder.display());
    let metadata = fs::symlink_metadata(folder).with_context(failed)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mut permissions = metadata.permissions();
    let mode = permissions.mode();
    permissions.set_mode(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6);
    fs::set_permissions(folder, permissions).with_context(failed)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(folder).with_context(failed)? {
            let_read(&entry.with_context(failed)?.path())?;
        }
    }
    Ok(())
}

fn others_may_pass(folder: &Path) -> bool {
    let exists = folder.ancestors().filter_map(|ancestor| fs::metadata(ancestor).ok());
    exists
        .into_iter()
        .all(|metadata| metadata.permissions().mode() & 0o001 != 0)
}

/// Gives `path` and everything in it to `user`.
pub(crate) fn give(path: &Path, user: User) -> anyhow::Result<()> {
    let failed = || format!("cannot give {} to another user", path.display());
    chown(path, Some(user.uid), Some(user.gid)).with_context(failed)?;
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).with_context(failed)? {
            give(&entry.with_context(failed)?.path(), user)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_may_read_what_a_strict_umask_hid() {
        let folder = std::env::temp_dir().join(format!("diagent-user-{}", std::process::id()));
        let (program, note) = (folder.join("program"), folder.join("note"));
        fs::create_dir(&folder).expect("a folder");
        for (path, mode) in [(&program, 0o700), (&note, 0o600), (&folder, 0o700)] {
            if path != &folder {
                fs::write(path, "").expect("a file");
            }
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
        }

        let_read(&folder).expect("read by all");

        let mode = |path| fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!([&folder, &program, &note].map(mode), [0o755, 0o755, 0o644]);
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let line = "postgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash";
        assert_eq!(parse(line, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(parse(line, "post"), None);
    }
}
