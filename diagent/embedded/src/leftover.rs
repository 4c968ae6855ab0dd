//! What a crash left running is ended before anything new starts on the same data: two servers on one folder destroy it.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// A server may finish what it does for this long; then it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Ends the process that `pid_file` names, if it still is `program` at work on the folder of that file: a pid may have
/// become another's, also another folder's server.
pub(crate) async fn end_named(pid_file: &Path, program: &Path) -> anyhow::Result<()> {
    let Some(pid) = fs::read_to_string(pid_file).ok().and_then(|text| parse(&text)) else {
        return Ok(());
    };
    let (Some(program), Some(folder)) = (program.file_name(), pid_file.parent()) else {
        return Ok(());
    };
    let (program, folder) = (program.as_encoded_bytes(), folder.as_os_str().as_encoded_bytes());
    end(|| {
        let line = command_line(pid);
        Vec::from_iter((contains(&line, program) && contains(&line, folder)).then_some(pid))
    })
    .await
}

/// Ends every process of `PostgreSQL` that works in `folder`: one that is in the middle of a query outlives a killed server
/// and keeps the next one from starting. Without `/proc` nothing is found, and the server's own check has to do.
pub(crate) async fn end_postgres_in(folder: &Path) -> anyhow::Result<()> {
    let Ok(folder) = fs::canonicalize(folder) else {
        return Ok(());
    };
    end(|| {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|works_in| works_in == folder))
            // A person may be there too.
            .filter(|process| fs::read(process.path().join("comm")).is_ok_and(|name| name == b"postgres\n"))
            .filter_map(|process| parse(process.file_name().to_str()?))
            .collect()
    })
    .await
}

/// Removes `PostgreSQL`'s own note of a running server when its pid is another's by now, which the server cannot tell
/// and refuses to start for; in a container pids repeat. Comes after [`end_postgres_in`].
pub(crate) fn forget_stale(postmaster_pid: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(postmaster_pid).unwrap_or_default();
    let Some(pid) = text.lines().next().and_then(parse) else {
        return Ok(());
    };
    if Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists() {
        fs::remove_file(postmaster_pid).with_context(|| format!("cannot remove {}", postmaster_pid.display()))?;
    }
    Ok(())
}

async fn end(find: impl Fn() -> Vec<Pid>) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let left = find();
        let Some(first) = left.first() else {
            return Ok(());
        };
        ensure!(
            started.elapsed() < GIVE_UP_AFTER,
            "process {} was left behind and does not end; end it and start again",
            first.as_raw_nonzero()
        );
        let signal = if started.elapsed() < PATIENCE {
            Signal::INT
        } else {
            Signal::KILL
        };
        for pid in left {
            tracing::info!(pid = pid.as_raw_nonzero().get(), "ending what was left behind");
            if let Err(error) = kill_process(pid, signal) {
                tracing::debug!(%error, "it has just ended");
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Nothing for a process that has ended, waited for or not.
fn command_line(pid: Pid) -> Vec<u8> {
    let pid = pid.as_raw_nonzero().to_string();
    if Path::new("/proc/self/cmdline").exists() {
        return fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    }
    let listed = Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid]).output();
    listed.map(|output| output.stdout).unwrap_or_default()
}

fn parse(pid: &str) -> Option<Pid> {
    let pid: u32 = pid.trim().parse().ok()?;
    Pid::from_raw(pid.try_into().ok()?)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
