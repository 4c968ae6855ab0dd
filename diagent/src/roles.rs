//! The roles in one process, each with its own connections, as if it were alone.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use edge::Tasks;
use events::Clock;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    infra::{self, InfraArgs},
    lifecycle,
};

/// The settings of all four roles.
#[derive(Debug, Clone, clap::Args)]
pub struct RoleConfigs {
    #[command(flatten)]
    pub command_api: command_api::Config,
    #[command(flatten)]
    pub responder: responder::Config,
    #[command(flatten)]
    pub projector: projector::Config,
    #[command(flatten)]
    pub read_api: read_api::Config,
}

/// A listener of each role. Binding comes first, so that a taken port is said before anything is started.
pub struct Listeners {
    command_api: TcpListener,
    responder: TcpListener,
    projector: TcpListener,
    read_api: TcpListener,
}

impl Listeners {
    /// Binds the configured addresses; port 0 is a free one.
    ///
    /// # Errors
    /// An address is taken; the message names the variable that moves it.
    pub async fn bind(configs: &RoleConfigs) -> anyhow::Result<Self> {
        Ok(Self {
            command_api: bind(configs.command_api.command_api_addr, "COMMAND_API_ADDR").await?,
            responder: bind(configs.responder.responder_addr, "RESPONDER_ADDR").await?,
            projector: bind(configs.projector.projector_addr, "PROJECTOR_ADDR").await?,
            read_api: bind(configs.read_api.read_api_addr, "READ_API_ADDR").await?,
        })
    }

    /// Where the command API and the read API listen.
    ///
    /// # Errors
    /// The system does not say.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.command_api.local_addr()?, self.read_api.local_addr()?))
    }
}

/// Binds one address; `variable` is named when it is taken.
///
/// # Errors
/// It is taken, or not of this machine.
pub async fn bind(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is it taken? Set {variable} to another address"))
}

/// Roles that run until the tasks' drain.
#[derive(Default)]
pub struct Running {
    roles: JoinSet<anyhow::Result<()>>,
}

impl Running {
    /// Returns when a role ends, which before a drain is a failure.
    ///
    /// # Errors
    /// What the role says.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        match self.roles.join_next().await {
            Some(ended) => ended.context("a role panicked")?,
            None => Ok(()),
        }
    }

    /// Returns when all roles have ended.
    ///
    /// # Errors
    /// What the first role to fail says.
    pub async fn all_ended(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.roles.join_next().await {
            ended.context("a role panicked")??;
        }
        Ok(())
    }
}

/// Starts all four roles on `nats_url` and `database_url`; those that are started are among `running`, also when this is
/// dropped or fails in the middle.
///
/// # Errors
/// The log or the database cannot be reached.
pub async fn start(
    (configs, listeners): (RoleConfigs, Listeners),
    infra: &InfraArgs,
    (clock, tasks): (&Clock, &Tasks),
    Running { roles }: &mut Running,
) -> anyhow::Result<()> {
    let (nats, database) = (infra.required_nats()?, infra.required_database()?);
    // Migrations come first: what the others ask for is there when they ask.
    let pool = infra::database(database, "projector")?;
    projector::migrate(&pool)
        .await
        .context("the database cannot be prepared")?;
    let log = infra.log(nats, "projector", clock.clone()).await?;
    roles.spawn(named(
        "projector",
        projector::run(configs.projector, log, pool, listeners.projector, tasks.clone()),
    ));

    let (log, pool) = (
        infra.log(nats, "responder", clock.clone()).await?,
        infra::database_of_passages(database, "responder")?,
    );
    roles.spawn(named(
        "responder",
        responder::run(configs.responder, log, pool, listeners.responder, tasks.clone()),
    ));

    let (log, pool) = (
        infra.log(nats, "read-api", clock.clone()).await?,
        infra::database(database, "read-api")?,
    );
    roles.spawn(named(
        "read-api",
        read_api::run(configs.read_api, log, pool, listeners.read_api, tasks.clone()),
    ));

    let log = infra.log(nats, "command-api", clock.clone()).await?;
    roles.spawn(named(
        "command-api",
        command_api::run(configs.command_api, log, listeners.command_api, tasks.clone()),
    ));
    Ok(())
}

/// One role on its own.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Role {
    /// Serve the widget API: the only HTTP writer
    CommandApi(#[command(flatten)] Box<command_api::Config>),
    /// Answer visitors' messages
    Responder(#[command(flatten)] responder::Config),
    /// Build the read models in PostgreSQL
    Projector(#[command(flatten)] projector::Config),
    /// Serve the read models and the replay of the log
    ReadApi(#[command(flatten)] read_api::Config),
}

impl Role {
    /// Runs it until a signal, then drains it.
    ///
    /// # Errors
    /// A setting is missing, its servers cannot be reached, or it fails.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let tasks = Tasks::new();
        let mut roles = JoinSet::new();
        let nats = infra.required_nats()?;
        let clock = Clock::default();
        match self {
            Self::CommandApi(config) => {
                let listener = bind(config.command_api_addr, "COMMAND_API_ADDR").await?;
                let log = infra.log(nats, "command-api", clock).await?;
                roles.spawn(named(
                    "command-api",
                    command_api::run(*config, log, listener, tasks.clone()),
                ));
            }
            Self::Responder(config) => {
                let listener = bind(config.responder_addr, "RESPONDER_ADDR").await?;
                let pool = infra::database_of_passages(infra.required_database()?, "responder")?;
                let log = infra.log(nats, "responder", clock).await?;
                roles.spawn(named(
                    "responder",
                    responder::run(config, log, pool, listener, tasks.clone()),
                ));
            }
            Self::Projector(config) => {
                let listener = bind(config.projector_addr, "PROJECTOR_ADDR").await?;
                let pool = infra::database(infra.required_database()?, "projector")?;
                let log = infra.log(nats, "projector", clock).await?;
                roles.spawn(named(
                    "projector",
                    projector::run(config, log, pool, listener, tasks.clone()),
                ));
            }
            Self::ReadApi(config) => {
                let listener = bind(config.read_api_addr, "READ_API_ADDR").await?;
                let pool = infra::database(infra.required_database()?, "read-api")?;
                let log = infra.log(nats, "read-api", clock).await?;
                roles.spawn(named(
                    "read-api",
                    read_api::run(config, log, pool, listener, tasks.clone()),
                ));
            }
        }
        until_signalled(&mut Running { roles }, &tasks, lifecycle::signalled()).await
    }
}

/// Waits until `signalled`, then drains; a role that ends before is a failure, and ends the others.
///
/// # Errors
/// A role failed.
pub async fn until_signalled(
    running: &mut Running,
    tasks: &Tasks,
    signalled: impl Future<Output = std::io::Result<()>>,
) -> anyhow::Result<()> {
    let ended = tokio::select! {
        signalled = signalled => signalled.context("signals cannot be heard"),
        ended = running.ended() => ended.and_then(|()| bail!("a role ended by itself")),
    };
    let drained = lifecycle::drain(tasks, running.all_ended()).await;
    ended.and(drained)
}

async fn named<E: std::error::Error + Send + Sync + 'static>(
    role: &'static str,
    run: impl Future<Output = Result<(), E>>,
) -> anyhow::Result<()> {
    run.await.with_context(|| format!("the role {role} failed"))
}
