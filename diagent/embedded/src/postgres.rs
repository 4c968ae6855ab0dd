//! One PostgreSQL server with a database of its own.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::{
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use tokio::process::Command;

use crate::{
    Binaries, leftover,
    process::{Running, Server},
    user::{self, User},
};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The superuser and the database of `diagent up`.
const NAME: &str = "diagent";

/// Another process may take a free port between our look and the server's start.
const PORT_ATTEMPTS: usize = 3;

/// A running server; it ends with this value.
pub struct Postgres {
    running: Running,
    client: Client,
    folder: PathBuf,
}

/// How the server is reached.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    bin: PathBuf,
    port: u16,
    password: String,
}

/// What only tests need.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// A free one when there is none.
    pub(crate) port: Option<u16>,
    pub(crate) remove: Option<&'a Path>,
    /// Without fsync: for tests in which no machine loses power.
    pub(crate) volatile: bool,
}

impl Postgres {
    /// Starts a server on a free loopback port, with its data in `folder`; creates it the first time. As root it runs as
    /// another user, and under `/var/tmp` when that user cannot reach `folder`.
    ///
    /// # Errors
    /// It cannot be created or started; the message carries its last words.
    pub async fn start(binaries: &Binaries, folder: &Path, password: &str) -> anyhow::Result<Self> {
        Self::start_with(binaries, folder, password, Options::default()).await
    }

    pub(crate) async fn start_with(
        binaries: &Binaries,
        folder: &Path,
        password: &str,
        options: Options<'_>,
    ) -> anyhow::Result<Self> {
        let folder = user::reachable(folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let user = user::unprivileged()?;
        if user.is_some() {
            user::let_pass(&folder)?;
        }
        let data = folder.join("data");
        if !data.join("PG_VERSION").exists() {
            initialise(binaries, &folder, password, user).await?;
        }
        let mut attempt = 1;
        loop {
            match Self::run(binaries, &folder, password, (user, options)).await {
                Ok(postgres) => return Ok(postgres),
                Err(error) if attempt == PORT_ATTEMPTS || options.port.is_some() => return Err(error),
                Err(error) => tracing::warn!(%error, "PostgreSQL is started again on another port"),
            }
            attempt += 1;
        }
    }

    async fn run(
        binaries: &Binaries,
        folder: &Path,
        password: &str,
        (user, options): (Option<User>, Options<'_>),
    ) -> anyhow::Result<Self> {
        let port = match options.port {
            Some(port) => port,
            None => TcpListener::bind("127.0.0.1:0")
                .and_then(|socket| socket.local_addr())
                .context("no free port")?
                .port(),
        };
        let data = folder.join("data");
        let (program, pid_file) = (binaries.postgres_bin.join("postgres"), folder.join("postgres.pid"));
        leftover::end_named(&pid_file, &program).await?;
        leftover::end_postgres_in(&data).await?;
        leftover::forget_stale(&data.join("postmaster.pid"))?;
        let settings = settings(port, options.volatile);
        let mut arguments = vec![OsStr::new("-D"), data.as_os_str()];
        arguments.extend(
            settings
                .iter()
                .flat_map(|setting| [OsStr::new("-c"), OsStr::new(setting)]),
        );
        let mut running = Running::start(Server {
            name: "PostgreSQL",
            program: &program,
            arguments,
            user,
            pid_file,
            log_file: folder.join("postgres.log"),
            stop_signal: Signal::INT,
            remove: options.remove,
        })?;
        let client = Client {
            bin: binaries.postgres_bin.clone(),
            port,
            password: password.to_owned(),
        };
        running
            .wait_until(READY_TIMEOUT, async || client.is_ready().await.then_some(()))
            .await?;
        client.create_database(NAME, None).await?;
        Ok(Self {
            running,
            client,
            folder: folder.to_owned(),
        })
    }

    /// Whether there is a user to run it as.
    ///
    /// # Errors
    /// We are root, and there is none.
    pub fn may_run() -> anyhow::Result<()> {
        user::unprivileged().map(drop)
    }

    /// Where clients connect, with the password.
    pub fn url(&self) -> String {
        self.client.url(NAME)
    }

    /// Where its data is: the folder that was asked for, or the one instead.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it: open transactions are rolled back, clients are sent away.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.running.stop(STOP_PATIENCE).await.map(drop)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }
}

impl Client {
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    async fn is_ready(&self) -> bool {
        let arguments = [
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            NAME,
            "-d",
            "postgres",
            "-p",
            &self.port.to_string(),
        ];
        self.command("pg_isready")
            .args(arguments)
            .status()
            .await
            .is_ok_and(|status| status.success())
    }

    /// Creates `name`, from `template` if there is one; fine when it exists.
    pub(crate) async fn create_database(&self, name: &str, template: Option<&str>) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = self.command("createdb");
        command.args(["-h", "127.0.0.1", "-U", NAME, "-p", &port]);
        command
            .args(template.into_iter().flat_map(|template| ["-T", template]))
            .arg(name);
        let output = command.output().await.context("cannot run createdb")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() && !complaint.contains("already exists") {
            bail!("cannot create the database {name}: {}", complaint.trim());
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command
            .env("PGPASSWORD", &self.password)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

/// Settings for a machine that also runs everything else.
fn settings(port: u16, volatile: bool) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "max_connections=200".to_owned(),
        "shared_buffers=128MB".to_owned(),
        "max_wal_size=2GB".to_owned(),
        "log_min_messages=warning".to_owned(),
        "timezone=UTC".to_owned(),
    ];
    if volatile {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings
}

/// `initdb` beside, then a rename: a half-made folder is never taken for a database.
async fn initialise(binaries: &Binaries, folder: &Path, password: &str, user: Option<User>) -> anyhow::Result<()> {
    let partial = folder.join("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).context("cannot remove a half-made database")?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&partial)
        .context("cannot create the database's folder")?;
    let password_file = partial.join("password");
    let mut options = fs::OpenOptions::new();
    let mut written = options.write(true).create_new(true).mode(0o600).open(&password_file)?;
    written.write_all(password.as_bytes())?;
    drop(written);
    if let Some(user) = user {
        user::give(&partial, user)?;
    }
    let data = partial.join("data");
    let mut command = std::process::Command::new(binaries.postgres_bin.join("initdb"));
    command
        .args([
            "--username",
            NAME,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale-provider",
            "builtin",
        ])
        .args([
            "--builtin-locale",
            "C.UTF-8",
            "--no-locale",
            "--no-instructions",
            // Stretching protects guessable passwords. Ours has 256 random bits, and each of our many connections pays for it.
            "--set",
            "scram_iterations=1",
            "--pwfile",
        ])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(&data)
        .stdin(Stdio::null());
    if let Some(user) = user {
        command.gid(user.gid).uid(user.uid).current_dir("/");
    }
    let output = Command::from(command).output().await.context("cannot run initdb")?;
    if !output.status.success() {
        bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::rename(&data, folder.join("data")).context("cannot keep the new database")?;
    fs::remove_dir_all(&partial).context("cannot remove the password file")
}
