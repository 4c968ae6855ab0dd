//! The real binary in a folder of its own, with limits out of the way.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use embedded::DataDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    client::Client,
    visitor::{AGENT_ID, ORIGIN, Visitor},
};

const POLL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(2);

/// Settings that let one address and one token do all that a bench does.
const WITHOUT_LIMITS: [(&str, &str); 6] = [
    ("LIMIT_INIT_PER_MINUTE", "1000000000"),
    ("LIMIT_SESSION_PER_MINUTE", "1000000000"),
    ("LIMIT_READ_PER_MINUTE", "1000000000"),
    ("LIMIT_LEADS_PER_MINUTE", "1000000000"),
    ("REVERB_SOCKETS_MAX", "0"),
    ("REVERB_SOCKETS_PER_ADDRESS", "0"),
];

/// A running `diagent up`; it ends with this value.
pub(crate) struct Product {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    pub(crate) address: String,
    read_api: String,
    folder: PathBuf,
}

impl Product {
    /// Starts it in an empty folder and waits until it is ready. `settings` are further environment variables.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("diagent-bench-{}", std::process::id()));
        let mut product = Self::spawn(folder, settings)?;
        product.served().await?;
        product.announced().await?;
        Ok(product)
    }

    /// Starts it in `folder`, which may have data, and does not wait.
    pub(crate) fn spawn(folder: PathBuf, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (address, read_api) = (free_address()?, free_address()?);
        let mut command = Command::new(binary()?);
        command
            .arg("up")
            .env("DIAGENT_DATA_DIR", &folder)
            .env("DIAGENT_CACHE_DIR", cache())
            .env("COMMAND_API_ADDR", &address)
            .env("READ_API_ADDR", &read_api)
            // Where the visitors of a bench say that they come from.
            .env("DEMO_ADDR", ORIGIN.trim_start_matches("http://"))
            .env("RUST_LOG", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        for other in ["RESPONDER_ADDR", "PROJECTOR_ADDR"] {
            command.env(other, free_address()?);
        }
        command.envs(WITHOUT_LIMITS);
        let mut process = command.spawn().context("cannot start diagent")?;
        let said = process.stdout.take().context("its output")?;
        Ok(Self {
            process,
            said: BufReader::new(said).lines(),
            address,
            read_api,
            folder,
        })
    }

    /// Waits until it is ready by its own account over HTTP, and a visitor of the demo site is served.
    pub(crate) async fn served(&mut self) -> anyhow::Result<()> {
        served(&self.address, &mut self.process).await
    }

    /// Waits until it tells its user that it is ready, which is when its agent knows the demo site.
    pub(crate) async fn announced(&mut self) -> anyhow::Result<()> {
        let said = async {
            while let Some(line) = self.said.next_line().await? {
                if line.contains("Diagent is ready.") {
                    return Ok(());
                }
            }
            bail!("diagent ended")
        };
        timeout(PATIENCE, said)
            .await
            .context("diagent was not ready within two minutes")?
    }

    /// Waits until the passages of its agent have their vectors: making these is work of its own, beside the first answers.
    pub(crate) async fn embedded(&self) -> anyhow::Result<()> {
        let mut minting = Command::new(binary()?);
        minting
            .args(["token", "--name", "bench"])
            .env("DIAGENT_DATA_DIR", &self.folder);
        let minted = minting.output().await?.stdout;
        let token = String::from_utf8_lossy(&minted).trim().to_owned();
        let path = format!("/api/v1/agents/{AGENT_ID}/knowledge");
        let deadline = Instant::now() + PATIENCE;
        let mut client = Client::connect(&self.read_api).await?;
        loop {
            let known: Value = serde_json::from_slice(&client.get(&path, Some(&token)).await?.body)?;
            let [chunks, embedded] = ["chunks", "embedded"].map(|name| known["data"][name].as_u64());
            if chunks.is_some_and(|chunks| chunks > 0) && chunks == embedded {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the passages had no vectors within two minutes: {known}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Resident memory of the process in MB, without that of NATS and Postgres.
    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        let id = self.process.id().context("diagent has ended")?;
        memory_mb(id, Memory::Now)
    }

    /// Ends it as an operator would, and removes its folder.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        std::fs::remove_dir_all(self.end().await?).ok();
        Ok(())
    }

    /// Ends it as an operator would; answers the folder with its data.
    pub(crate) async fn end(mut self) -> anyhow::Result<PathBuf> {
        if let Some(id) = self.process.id() {
            kill_process(pid(id)?, Signal::TERM)?;
        }
        self.process.wait().await?;
        Ok(self.folder)
    }
}

/// A command API of its own, beside those of a running `diagent up`; it ends with this value.
pub(crate) struct CommandApi {
    process: Child,
    pub(crate) address: String,
}

impl CommandApi {
    /// Starts it on the log of `product`, and waits until it serves visitors.
    pub(crate) async fn start(product: &Product) -> anyhow::Result<Self> {
        let address = free_address()?;
        let secret = |name| DataDir::existing_secret(&product.folder, name);
        let mut process = Command::new(binary()?)
            .arg("command-api")
            .env("COMMAND_API_ADDR", &address)
            .env("NATS_URL", secret("nats_url")?)
            .env("WIDGET_JWT_SECRET", secret("widget_jwt_secret")?)
            .env("OPERATOR_JWT_SECRET", secret("operator_jwt_secret")?)
            .env("RUST_LOG", "warn")
            .envs(WITHOUT_LIMITS)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a command API")?;
        served(&address, &mut process).await?;
        Ok(Self { process, address })
    }

    /// Resident memory of the process in MB.
    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        memory_mb(self.process.id().context("the command API has ended")?, Memory::Now)
    }

    /// Ends it at once: nobody waits for its streams.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// Waits until a command API is ready by its own account, and a visitor of the demo site is served.
async fn served(address: &str, process: &mut Child) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut client) = Client::connect(address).await
            && client
                .get("/readyz", None)
                .await
                .is_ok_and(|answer| answer.status == 200)
            && Visitor::init(address).await.is_ok()
        {
            return Ok(());
        }
        if let Some(status) = process.try_wait()? {
            bail!("diagent ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("diagent was not ready within two minutes");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Where the servers' binaries are kept for all benches.
pub(crate) fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.diagent/cache")
}

/// What signals are sent to.
pub(crate) fn pid(id: u32) -> anyhow::Result<Pid> {
    Pid::from_raw(id.cast_signed()).context("no process")
}

/// The binary beside this one.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("diagent");
    if !binary.exists() {
        bail!(
            "{} is missing; first run: cargo build --release -p diagent",
            binary.display()
        );
    }
    Ok(binary)
}

pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// What a process has in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Memory {
    Now,
    /// The most that it has had.
    Peak,
}

/// Resident memory of a process in MB, as Linux tells it.
pub(crate) fn memory_mb(process: u32, memory: Memory) -> anyhow::Result<f64> {
    let name = match memory {
        Memory::Now => "VmRSS:",
        Memory::Peak => "VmHWM:",
    };
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("no /proc here")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("no {name}"))?;
    megabytes(line)
}

/// Memory of a process and of those that it has started, in MB: each page counts once, however many of them have it.
pub(crate) fn memory_with_children_mb(process: &str) -> anyhow::Result<f64> {
    let children =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).context("no /proc here")?;
    let mut memory = 0.0;
    for process in children.split_whitespace().chain([process]) {
        // One that has ended meanwhile has nothing.
        let Ok(maps) = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")) else {
            continue;
        };
        memory += maps
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .map_or(Ok(0.0), megabytes)?;
    }
    Ok(memory)
}

/// As Linux writes it: `1024 kB`.
fn megabytes(text: &str) -> anyhow::Result<f64> {
    let kilobytes: f64 = text.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kilobytes / 1024.0)
}
