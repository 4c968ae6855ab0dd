//! One NATS server with `JetStream`; acknowledged means on disk.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::Signal;

use crate::{
    Binaries, leftover,
    process::{Running, Server},
};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The largest message, in bytes: a large document with its escapes.
const PAYLOAD_MAX: u32 = 8 << 20;

/// A running server; it ends with this value.
pub struct NatsServer {
    running: Running,
    url: String,
    port: u16,
}

impl NatsServer {
    /// Starts a server on a free loopback port, with its data in `folder`.
    ///
    /// # Errors
    /// It cannot be started; the message carries its last words.
    pub async fn start(binaries: &Binaries, folder: &Path, password: &str) -> anyhow::Result<Self> {
        Self::start_with(binaries, folder, password, Options::default()).await
    }

    pub(crate) async fn start_with(
        binaries: &Binaries,
        folder: &Path,
        password: &str,
        options: Options<'_>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let pid_file = folder.join("nats.pid");
        leftover::end_named(&pid_file, &binaries.nats_server).await?;
        let config = folder.join("nats.conf");
        write_config(&config, folder, password, options)?;
        let mut running = Running::start(Server {
            name: "NATS",
            program: &binaries.nats_server,
            arguments: vec![OsStr::new("--config"), config.as_os_str()],
            user: None,
            pid_file,
            log_file: folder.join("nats.log"),
            stop_signal: Signal::TERM,
            remove: options.remove,
        })?;
        let port = running
            .wait_until(READY_TIMEOUT, async || listening(folder).await)
            .await?;
        Ok(Self {
            running,
            url: format!("nats://diagent:{password}@127.0.0.1:{port}"),
            port,
        })
    }

    /// Where clients connect, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as it likes to be ended.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.running.stop(STOP_PATIENCE).await.map(drop)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal_group(signal);
    }
}

/// What only tests need.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// A free one when there is none.
    pub(crate) port: Option<u16>,
    pub(crate) remove: Option<&'a Path>,
    pub(crate) member: Option<&'a Member>,
}

/// One server of a cluster, and how it reaches the others.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its data belongs to this name.
    pub name: String,
    /// Where the others reach it, on loopback.
    pub port: u16,
    /// `nats://route:password@host:port` of each of the others.
    pub routes: Vec<String>,
}

impl Member {
    /// The part of `deploy/nats/cluster.conf` that one server alone does not have. Servers make no addresses known that work:
    /// the others are reached by `routes` alone, and clients by the addresses that they were given, so that a test can cut both.
    fn config(&self, password: &str) -> String {
        let routes: Vec<String> = self.routes.iter().map(|route| quoted(route)).collect();
        format!(
            "cluster {{ name: diagent, listen: \"127.0.0.1:{port}\", \
             advertise: \"127.0.0.1:1\", no_advertise: true, \
             authorization {{ user: route, password: {password} }}, routes: [{routes}] }}\n",
            port = self.port,
            password = quoted(password),
            routes = routes.join(", "),
        )
    }
}

/// `sync_interval: always` is what makes an acknowledgement mean "on disk"; the default syncs every two minutes.
fn write_config(file: &Path, folder: &Path, password: &str, options: Options<'_>) -> anyhow::Result<()> {
    for stale in ports_files(folder) {
        fs::remove_file(stale).context("cannot remove a stale ports file")?;
    }
    let port = options.port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
    let name = options.member.map_or("diagent", |member| &member.name);
    let cluster = options
        .member
        .map_or_else(String::new, |member| member.config(password));
    let text = format!(
        "server_name: {name}\n\
         host: 127.0.0.1\n\
         port: {port}\n\
         ports_file_dir: {ports}\n\
         max_payload: {PAYLOAD_MAX}\n\
         authorization {{ user: diagent, password: {password} }}\n\
         jetstream {{ store_dir: {store}, sync_interval: always }}\n\
         {cluster}",
        ports = quoted(&folder.display().to_string()),
        password = quoted(password),
        store = quoted(&folder.join("jetstream").display().to_string()),
    );
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .context("cannot write nats.conf")?;
    file.write_all(text.as_bytes()).context("cannot write nats.conf")
}

/// A string of the server's configuration language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The port that the server wrote down, once it listens.
async fn listening(folder: &Path) -> Option<u16> {
    let file = ports_files(folder).into_iter().next()?;
    let ports: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let port = ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()?;
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    Some(port)
}

fn ports_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ports"))
        .collect()
}
