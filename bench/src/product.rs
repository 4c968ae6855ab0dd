//! The real binary in a folder of its own, with limits out of the way.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::client::Client;

/// A running `diagent up`; it ends with this value.
pub(crate) struct Product {
    process: Child,
    pub(crate) address: String,
    folder: PathBuf,
}

impl Product {
    /// Starts it and waits until it is ready. `settings` are further environment variables.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let binary = binary()?;
        let folder = std::env::temp_dir().join(format!("diagent-bench-{}", std::process::id()));
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .arg("up")
            .env("DIAGENT_DATA_DIR", &folder)
            .env("COMMAND_API_ADDR", &address)
            .env("RUST_LOG", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        // The demo site stays where the visitors of a bench say that they come from.
        for other in ["READ_API_ADDR", "RESPONDER_ADDR", "PROJECTOR_ADDR"] {
            command.env(other, free_address()?);
        }
        for limit in [
            "LIMIT_INIT_PER_MINUTE",
            "LIMIT_SESSION_PER_MINUTE",
            "LIMIT_READ_PER_MINUTE",
            "LIMIT_LEADS_PER_MINUTE",
        ] {
            command.env(limit, "1000000000");
        }
        let process = command.spawn().context("cannot start diagent")?;
        let product = Self {
            process,
            address,
            folder,
        };
        product.ready().await?;
        Ok(product)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            if let Ok(mut client) = Client::connect(&self.address).await
                && client.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
                && crate::visitor::Visitor::init(&self.address).await.is_ok()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("diagent was not ready within two minutes");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Resident memory of the process in MB, without that of NATS and Postgres.
    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        let id = self.process.id().context("diagent has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("no /proc here")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Ends it as an operator would, and removes its folder.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.process.id() {
            Command::new("kill").arg(id.to_string()).status().await?;
        }
        self.process.wait().await?;
        std::fs::remove_dir_all(&self.folder).ok();
        Ok(())
    }
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
