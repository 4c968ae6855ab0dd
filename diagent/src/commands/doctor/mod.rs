//! `diagent doctor`: what this machine lacks for `diagent up`, each with what to do about it.

mod models;

use std::{net::SocketAddr, path::Path, str::FromStr as _, time::Duration};

use anyhow::{Context as _, bail, ensure};
use embedded::{Binaries, DataDir, Postgres};
use rustix::process::{Resource, getrlimit};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::{infra::InfraArgs, print, roles, up::Up};

const PATIENCE: Duration = Duration::from_secs(5);

/// Each open stream is a file.
const OPEN_FILES_MANY: u64 = 4096;

/// Say what this machine lacks.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    #[command(flatten)]
    up: Up,
}

/// What is good to know, or what is wrong and what to do.
type Finding = anyhow::Result<String>;

impl Doctor {
    /// Prints one line per check.
    ///
    /// # Errors
    /// Something is missing.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let mut findings = vec![("settings", self.settings())];
        findings.push(("NATS", nats(infra).await));
        findings.push(("PostgreSQL", postgres(infra).await));
        findings.push(("data folder", data_folder(&infra.data_dir)));
        if !matches!(DataDir::owner(&infra.data_dir), Ok(Some(_))) {
            findings.push(("addresses", self.addresses().await));
        }
        findings.push(("open files", Ok(open_files())));
        let responder = &self.up.roles.responder;
        findings.push(("language model", models::language(&responder.model).await));
        findings.push(("embedding model", models::embedding(&responder.embedding).await));

        let mut wrong = 0;
        for (name, finding) in findings {
            match finding {
                Ok(text) => print::line(format!("ok     {name:<17}{text}")),
                Err(error) => {
                    wrong += 1;
                    print::line(format!("wrong  {name:<17}{error:#}"));
                }
            }
        }
        ensure!(wrong == 0, "{wrong} to mend before `diagent up` can do its work");
        Ok(())
    }

    fn settings(&self) -> Finding {
        const SECRET_BYTES_MIN: usize = 32;
        let command_api = &self.up.roles.command_api;
        let secrets = [
            ("WIDGET_JWT_SECRET", &command_api.widget_jwt_secret),
            ("OPERATOR_JWT_SECRET", &command_api.operator_jwt_secret),
        ];
        for (name, secret) in secrets {
            let is_long = secret
                .as_ref()
                .is_none_or(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
            ensure!(is_long, "{name} is shorter than {SECRET_BYTES_MIN} bytes");
        }
        Ok("can be read".to_owned())
    }

    async fn addresses(&self) -> Finding {
        let roles = &self.up.roles;
        let addresses: [(&str, SocketAddr); 5] = [
            ("DEMO_ADDR", self.up.demo_addr),
            ("COMMAND_API_ADDR", roles.command_api.command_api_addr),
            ("READ_API_ADDR", roles.read_api.read_api_addr),
            ("RESPONDER_ADDR", roles.responder.responder_addr),
            ("PROJECTOR_ADDR", roles.projector.projector_addr),
        ];
        for (variable, address) in addresses {
            roles::bind(address, variable).await?;
        }
        Ok("all five are free".to_owned())
    }
}

/// The server of `NATS_URL` says who it is before anybody logs in; or else it must be possible to fetch one.
async fn nats(infra: &InfraArgs) -> Finding {
    let Some(urls) = &infra.nats_url else {
        return embedded(&infra.data_dir).await;
    };
    let first = urls.split(',').next().unwrap_or_default().trim();
    let url = url::Url::parse(first).context("NATS_URL is no address, such as nats://127.0.0.1:4222")?;
    let host = url.host_str().context("NATS_URL names no host")?;
    let address = format!("{host}:{}", url.port().unwrap_or(4222));
    let hello = async {
        let stream = TcpStream::connect(&address).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        std::io::Result::Ok(line)
    };
    let line = timeout(PATIENCE, hello)
        .await
        .with_context(|| format!("{address} says nothing"))?
        .with_context(|| format!("{address} cannot be reached"))?;
    let info: Value = line
        .strip_prefix("INFO ")
        .and_then(|info| serde_json::from_str(info).ok())
        .with_context(|| format!("what listens on {address} is no NATS server"))?;
    let version = info["version"].as_str().unwrap_or("of an unknown version");
    ensure!(
        info["jetstream"].as_bool() == Some(true),
        "the server on {address} runs without JetStream"
    );
    Ok(format!("{version} with JetStream on {address}"))
}

async fn postgres(infra: &InfraArgs) -> Finding {
    let Some(url) = &infra.database_url else {
        Postgres::may_run()?;
        return embedded(&infra.data_dir).await;
    };
    let Ok(options) = PgConnectOptions::from_str(url) else {
        bail!("DATABASE_URL is no PostgreSQL address");
    };
    let version = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query_scalar::<_, String>("SELECT current_setting('server_version')")
            .fetch_one(&mut connection)
            .await
    };
    let version = timeout(PATIENCE, version)
        .await
        .context("the server of DATABASE_URL says nothing")?
        .context("the server of DATABASE_URL cannot be used")?;
    Ok(version)
}

async fn embedded(data_dir: &Path) -> Finding {
    if Binaries::fetched(&data_dir.join("cache"))?.is_some() {
        return Ok("`up` runs its own, which is here already".to_owned());
    }
    let installer = Binaries::installer().await?;
    Ok(format!("`up` runs its own, fetched with {installer}"))
}

fn data_folder(path: &Path) -> Finding {
    if let Some(owner) = DataDir::owner(path)? {
        return Ok(format!("{} is in use by process {owner}", path.display()));
    }
    let mut existing = std::path::absolute(path).with_context(|| format!("{} is no folder", path.display()))?;
    while !existing.exists() && existing.pop() {}
    let probe = existing.join(format!(".diagent-doctor-{}", std::process::id()));
    std::fs::write(&probe, "")
        .and_then(|()| std::fs::remove_file(&probe))
        .with_context(|| {
            format!(
                "cannot write to {}; set DIAGENT_DATA_DIR to another folder",
                existing.display()
            )
        })?;
    Ok(path.display().to_string())
}

/// The limit has been raised to what the system allows.
fn open_files() -> String {
    match getrlimit(Resource::Nofile).current {
        None => "as many as there are".to_owned(),
        Some(limit) if limit >= OPEN_FILES_MANY => format!("{limit} at most"),
        Some(limit) => {
            format!("{limit} at most, and each open stream takes one; the system (`ulimit -H -n`) allows no more")
        }
    }
}
