//! A server as a child: in a process group of its own, so that Ctrl-C in a terminal reaches it only through us; with a pid
//! file, so that the next start finds what a crash left; with a watchdog, so that there is seldom anything left.

use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::user::User;

/// When the pipe to us closes, our process is gone: end the server's group, at last by force, and remove what is named.
const WATCHDOG: &str = r#"
read -r _ || true
kill "-$2" -- "-$0" 2>/dev/null || true
i=0
while kill -s 0 -- "-$0" 2>/dev/null; do
    i=$((i + 1))
    if [ "$i" -ge 50 ]; then kill -s KILL -- "-$0" 2>/dev/null; break; fi
    sleep 0.1
done
if [ -n "$1" ]; then rm -rf -- "$1"; fi
"#;

const POLL: Duration = Duration::from_millis(20);

/// What to start.
pub(crate) struct Server<'a> {
    /// How people call it.
    pub(crate) name: &'static str,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<&'a OsStr>,
    pub(crate) user: Option<User>,
    pub(crate) pid_file: PathBuf,
    pub(crate) log_file: PathBuf,
    /// What it takes for a request to end now, whoever is connected.
    pub(crate) stop_signal: Signal,
    /// Removed when our process dies; for tests.
    pub(crate) remove: Option<&'a Path>,
}

/// A running server; killed when dropped.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    group: Pid,
    watchdog: Child,
    watchdog_pipe: Option<ChildStdin>,
    pid_file: PathBuf,
    log_file: PathBuf,
    stop_signal: Signal,
}

impl Running {
    pub(crate) fn start(server: Server<'_>) -> anyhow::Result<Self> {
        let Server {
            name,
            program,
            arguments,
            user,
            pid_file,
            log_file,
            stop_signal,
            remove,
        } = server;
        let log = fs::File::create(&log_file).with_context(|| format!("cannot write {}", log_file.display()))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        command.env("GOMEMLIMIT", "1GiB");
        if let Some(user) = user {
            command.gid(user.gid).uid(user.uid);
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", program.display()))?;
        let group = Pid::from_child(&child);
        fs::write(&pid_file, child.id().to_string()).context("cannot write a pid file")?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, &child.id().to_string()])
            .arg(remove.unwrap_or(Path::new("")))
            .arg(stop_signal.as_raw().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start a watchdog (sh)")?;
        let watchdog_pipe = watchdog.stdin.take();
        Ok(Self {
            name,
            child,
            group,
            watchdog,
            watchdog_pipe,
            pid_file,
            log_file,
            stop_signal,
        })
    }

    /// Waits until `ready` says so.
    pub(crate) async fn wait_until<T>(
        &mut self,
        timeout: Duration,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(value) = ready().await {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}):\n{}", self.name, self.last_words());
            }
            if started.elapsed() > timeout {
                bail!("{} was not ready within {timeout:?}:\n{}", self.name, self.last_words());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks it to end, and makes it end when it does not within `patience`.
    pub(crate) async fn stop(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal_leader(self.stop_signal);
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > patience {
                tracing::warn!(server = self.name, "it did not stop when asked and is killed");
                self.kill();
            }
            tokio::time::sleep(POLL).await;
        };
        self.forget();
        Ok(status)
    }

    /// What an operator's `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Err(error) = kill_process_group(self.group, Signal::KILL) {
            tracing::debug!(server = self.name, %error, "it had ended");
        }
        if let Err(error) = self.child.wait() {
            tracing::warn!(server = self.name, %error, "it cannot be waited for");
        }
        self.forget();
    }

    /// SIGSTOP and SIGCONT, for tests.
    pub(crate) fn signal_group(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.group, signal) {
            tracing::warn!(server = self.name, %error, "it cannot be signalled");
        }
    }

    fn signal_leader(&self, signal: Signal) {
        if let Err(error) = rustix::process::kill_process(self.group, signal) {
            tracing::warn!(server = self.name, %error, "it cannot be signalled");
        }
    }

    /// The watchdog goes before the pid can be another's.
    fn forget(&mut self) {
        drop(self.watchdog.kill());
        drop(self.watchdog.wait());
        drop(self.watchdog_pipe.take());
        drop(fs::remove_file(&self.pid_file));
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log_file).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.watchdog_pipe.is_some() {
            self.kill();
        }
    }
}
