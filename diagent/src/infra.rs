//! Which NATS and which Postgres.

use std::{io, path::PathBuf, str::FromStr as _, time::Duration};

use anyhow::Context as _;
use embedded::DataDir;
use events::{Clock, Log, log::LogConfig};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A connection that was used so recently is not asked whether it still works: no database restarts faster.
const SURELY_WORKS: Duration = Duration::from_millis(500);

/// A connection that does not answer within this has nobody at its other end, and is thrown away.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// Planning the look-up of passages takes as long as running it on a small site, and several times as long when a connection
/// is new; and no plan depends on what is asked.
const PLANNED_ONCE: (&str, &str) = ("plan_cache_mode", "force_generic_plan");

/// What the server does for us without being asked: no statement runs for ever, or for a client that is gone, and a session
/// whose client went without a goodbye ends, with the locks of its transaction.
const SESSION: [(&str, &str); 7] = [
    ("statement_timeout", "60s"),
    ("lock_timeout", "30s"),
    ("client_connection_check_interval", "1s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("tcp_keepalives_idle", "15s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
];

/// A request waits this long for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The servers, and the log's shape when it has to be created.
#[derive(Debug, Clone, clap::Args)]
pub struct InfraArgs {
    /// Your own NATS with JetStream; unset, `up` runs one
    #[arg(long, env = "NATS_URL", hide_env_values = true, global = true)]
    pub nats_url: Option<String>,

    /// Your own PostgreSQL; unset, `up` runs one
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,

    /// Partitions of the log; fixed when it is created
    #[arg(long, env = "LOG_PARTITIONS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024), global = true)]
    pub log_partitions: u16,

    /// Copies of each stream: 1, or 3 on a cluster
    #[arg(long, env = "LOG_REPLICAS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5), global = true)]
    pub log_replicas: u8,

    /// Where `up` keeps its data, and other commands find its secrets
    #[arg(long, env = "DIAGENT_DATA_DIR", default_value = ".diagent", global = true)]
    pub data_dir: PathBuf,
}

/// Where a running `diagent up` notes the address of its PostgreSQL, for operators' commands beside it.
pub const DATABASE_FILE: &str = "secrets/database_url";

/// Where it notes the address of its embedding model.
pub const EMBEDDING_FILE: &str = "secrets/embedding_url";

/// Where it notes the address of its NATS.
pub const NATS_FILE: &str = "secrets/nats_url";

/// A setting is missing or wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub String);

impl InfraArgs {
    /// With empty addresses taken for none, as files of settings leave them.
    #[must_use]
    pub fn without_empty(self) -> Self {
        let filled = |url: Option<String>| url.filter(|url| !url.trim().is_empty());
        Self {
            nats_url: filled(self.nats_url),
            database_url: filled(self.database_url),
            ..self
        }
    }

    /// The address of NATS, which a role on its own cannot do without.
    ///
    /// # Errors
    /// It is not set.
    pub fn required_nats(&self) -> Result<&str, SettingError> {
        self.nats_url.as_deref().ok_or_else(|| missing("NATS_URL"))
    }

    /// The address of Postgres, which most roles cannot do without.
    ///
    /// # Errors
    /// It is not set.
    pub fn required_database(&self) -> Result<&str, SettingError> {
        self.database_url.as_deref().ok_or_else(|| missing("DATABASE_URL"))
    }

    /// The address of Postgres, or else that of a running `diagent up` on the data folder.
    ///
    /// # Errors
    /// It is not set, and nothing runs there.
    pub fn database_or_ups(&self) -> Result<String, SettingError> {
        if let Some(url) = &self.database_url {
            return Ok(url.clone());
        }
        std::fs::read_to_string(self.data_dir.join(DATABASE_FILE)).map_err(|_| {
            let folder = self.data_dir.display();
            SettingError(format!(
                "DATABASE_URL is not set, and `diagent up` does not run on {folder}"
            ))
        })
    }

    /// The address of NATS, or else that of a `diagent up` that runs on the data folder; none when there is neither.
    ///
    /// # Errors
    /// The data folder cannot be read.
    pub fn nats_or_ups(&self) -> anyhow::Result<Option<String>> {
        if self.nats_url.is_some() {
            return Ok(self.nats_url.clone());
        }
        self.ups(NATS_FILE)
    }

    /// What a `diagent up` that runs on the data folder has noted in `file`; none when there is no such process or note.
    ///
    /// # Errors
    /// The data folder cannot be read.
    pub fn ups(&self, file: &str) -> anyhow::Result<Option<String>> {
        // What is noted outlives the process that noted it.
        if DataDir::owner(&self.data_dir)?.is_none() {
            return Ok(None);
        }
        let file = self.data_dir.join(file);
        match std::fs::read_to_string(&file) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Connects a role to the log.
    ///
    /// # Errors
    /// The log cannot be reached, or is another than expected.
    pub async fn log(&self, nats_url: &str, role: &'static str, clock: Clock) -> anyhow::Result<Log> {
        let config = LogConfig {
            nats_url: nats_url.to_owned(),
            partitions: self.log_partitions,
            replicas: usize::from(self.log_replicas),
            role,
        };
        Log::connect(&config, clock)
            .await
            .context("there is no log to work with")
    }
}

fn missing(name: &str) -> SettingError {
    SettingError(format!(
        "{name} is not set; a role on its own needs it (`diagent up` runs everything by itself)"
    ))
}

/// Connections for one role; made when they are needed, so that a role starts while Postgres is away.
///
/// # Errors
/// The address is no address.
pub fn database(url: &str, role: &'static str) -> Result<PgPool, SettingError> {
    Ok(connections(options(url, role)?))
}

/// The same, for whoever looks passages up.
///
/// # Errors
/// The address is no address.
pub fn database_of_passages(url: &str, role: &'static str) -> Result<PgPool, SettingError> {
    Ok(connections(options(url, role)?.options([PLANNED_ONCE])))
}

fn options(url: &str, role: &'static str) -> Result<PgConnectOptions, SettingError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| SettingError("DATABASE_URL is no PostgreSQL address".to_owned()))?;
    Ok(options.application_name(role).options(SESSION))
}

fn connections(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(24)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for > SURELY_WORKS {
                    ping(connection).await?;
                }
                Ok(true)
            })
        })
        // Whoever gave up waiting gives the connection back. The pool asks it, too, but without a limit: one with nobody at
        // its other end would keep its place.
        .after_release(|connection, _| {
            Box::pin(async move {
                ping(connection).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

async fn ping(connection: &mut PgConnection) -> sqlx::Result<()> {
    tokio::time::timeout(PING_TIMEOUT, connection.ping())
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
