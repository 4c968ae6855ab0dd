//! A NATS and a PostgreSQL of the bench's own, both durable, with the log on the one and nothing yet on the other.

use std::{
    path::PathBuf,
    str::FromStr as _,
    time::{Duration, Instant},
};

use embedded::{Binaries, NatsServer, Postgres};
use events::{Clock, Log, Partition, log::LogConfig};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::product::{Memory, cache, memory_mb, memory_with_children_mb};

pub(crate) const PARTITIONS: u16 = 8;

/// Running servers.
pub(crate) struct Servers {
    pub(crate) log: Log,
    pub(crate) pool: PgPool,
    nats: NatsServer,
    postgres: Postgres,
    folder: PathBuf,
}

impl Servers {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let binaries = Binaries::fetch(&cache()).await?;
        let folder = std::env::temp_dir().join(format!("diagent-bench-servers-{}", std::process::id()));
        let nats = NatsServer::start(&binaries, &folder.join("nats"), "bench").await?;
        let log = connect(&nats).await?;
        let postgres = Postgres::start(&binaries, &folder.join("postgres"), "bench").await?;
        let options = PgConnectOptions::from_str(&postgres.url())?;
        Ok(Self {
            log,
            pool: PgPoolOptions::new().max_connections(16).connect_with(options).await?,
            nats,
            postgres,
            folder,
        })
    }

    /// Stops NATS and starts it again; answers how long it took until the log could be read.
    pub(crate) async fn restart_nats(mut self) -> anyhow::Result<(Self, Duration)> {
        let binaries = Binaries::fetch(&cache()).await?;
        self.nats.stop().await?;
        let started = Instant::now();
        self.nats = NatsServer::start(&binaries, &self.folder.join("nats"), "bench").await?;
        self.log = connect(&self.nats).await?;
        Ok((self, started.elapsed()))
    }

    /// Resident memory of NATS in MB.
    pub(crate) fn nats_memory_mb(&self) -> anyhow::Result<f64> {
        let pid = std::fs::read_to_string(self.folder.join("nats/nats.pid"))?;
        memory_mb(pid.trim().parse()?, Memory::Now)
    }

    /// Memory of PostgreSQL's processes in MB, what they share counted once.
    pub(crate) fn postgres_memory_mb(&self) -> anyhow::Result<f64> {
        let pid = std::fs::read_to_string(self.postgres.folder().join("postgres.pid"))?;
        memory_with_children_mb(pid.trim())
    }

    /// Bytes of the database on disk, without its journal.
    pub(crate) async fn database_bytes(&self) -> anyhow::Result<u64> {
        let sql = "SELECT pg_database_size(current_database())";
        let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(bytes.try_into()?)
    }

    /// Events of visitors in the log.
    pub(crate) async fn events(&self) -> anyhow::Result<u64> {
        let mut events = 0;
        for p in 0..PARTITIONS {
            events += self.log.last_sequence(Partition::Events(p)).await?;
        }
        Ok(events)
    }

    /// Where clients of Postgres connect.
    pub(crate) fn postgres_url(&self) -> String {
        self.postgres.url()
    }

    /// What a role needs to find them.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("NATS_URL", self.nats.url().to_owned()),
            ("DATABASE_URL", self.postgres_url()),
        ]
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let data = self.postgres.folder().to_owned();
        self.pool.close().await;
        self.nats.stop().await?;
        self.postgres.stop().await?;
        for folder in [data, self.folder] {
            std::fs::remove_dir_all(folder).ok();
        }
        Ok(())
    }
}

async fn connect(nats: &NatsServer) -> anyhow::Result<Log> {
    let config = LogConfig {
        nats_url: nats.url().to_owned(),
        partitions: PARTITIONS,
        replicas: 1,
        role: "bench",
    };
    Ok(Log::connect(&config, Clock::default()).await?)
}
