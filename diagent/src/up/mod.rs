//! `diagent up`: everything on one machine, with nothing else installed but Rust, Python's pip and a C compiler.

mod announce;
mod embeddings;
mod knowledge;

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
};

use anyhow::Context as _;
use edge::{ServeLimits, Tasks, operator::OperatorKey};
use embedded::{Binaries, DataDir, NatsServer, Postgres};
use events::Clock;
use tokio::net::TcpListener;

use crate::{
    demo,
    infra::InfraArgs,
    lifecycle,
    roles::{self, Listeners, RoleConfigs, Running},
};

/// The secrets that `up` makes, by the name of their file.
pub const WIDGET_SECRET: &str = "widget_jwt_secret";
pub const OPERATOR_SECRET: &str = "operator_jwt_secret";

/// Run everything on this machine.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "up")]
pub struct Up {
    /// Where the demo site is served
    #[arg(long, env = "DEMO_ADDR", default_value = "127.0.0.1:8082")]
    pub demo_addr: SocketAddr,

    #[command(flatten)]
    pub roles: RoleConfigs,
}

/// The servers that `up` runs itself.
#[derive(Default)]
struct Servers {
    nats: Option<NatsServer>,
    postgres: Option<Postgres>,
}

impl Up {
    /// Starts everything, says where it is, and runs until a signal.
    ///
    /// # Errors
    /// With a message that says what to do.
    pub async fn run(self, infra: InfraArgs) -> anyhow::Result<()> {
        let data = DataDir::open(&infra.data_dir)?;
        let tasks = Tasks::new();
        let (mut servers, mut running) = (Servers::default(), Running::default());
        let mut signalled = pin!(lifecycle::signalled());
        let started = tokio::select! {
            started = self.start(&data, infra, (&mut servers, &mut running), &tasks) => started.map(Some),
            signalled = &mut signalled => signalled.context("signals cannot be heard").map(|()| None),
        };
        let ended = match started {
            Ok(Some(())) => roles::until_signalled(&mut running, &tasks, signalled).await,
            Ok(None) => lifecycle::drain(&tasks, running.all_ended()).await,
            // What a role says is the cause of what its absence led to.
            Err(error) => lifecycle::drain(&tasks, running.all_ended()).await.and(Err(error)),
        };
        servers.stop().await?;
        ended
    }

    async fn start(
        mut self,
        data: &DataDir,
        mut infra: InfraArgs,
        (servers, running): (&mut Servers, &mut Running),
        tasks: &Tasks,
    ) -> anyhow::Result<()> {
        let demo_listener = roles::bind(self.demo_addr, "DEMO_ADDR").await?;
        let listeners = Listeners::bind(&self.roles).await?;
        servers.start(data, &mut infra).await?;
        data.keep("database_url", infra.required_database()?)?;
        data.keep("nats_url", infra.required_nats()?)?;
        let operators = self.fill_secrets(data)?;
        let embedding = &mut self.roles.responder.embedding;
        if embedding.is_unset() {
            embeddings::serve(embedding, data.path().join("cache"), tasks).await?;
        }
        if let Some(url) = &embedding.embedding_base_url {
            data.keep("embedding_url", url)?;
        }

        let (command_api, read_api) = listeners.addresses()?;
        self.roles.command_api.reverb.reverb_port = command_api.port();
        self.introduce(command_api, read_api)?;
        roles::start((self.roles, listeners), &infra, (&Clock::default(), tasks), running).await?;

        let demo_address = demo_listener.local_addr()?;
        serve_demo(demo_listener, command_api, tasks);
        knowledge::load(command_api, demo_address, &operators, &infra).await?;
        let postgres = servers.postgres.as_ref().map(Postgres::folder);
        announce::announce(data.path(), postgres, [demo_address, command_api, read_api]);
        Ok(())
    }

    /// Tells the dashboard where the command API is, and the command API where the dashboard is, unless told otherwise. People
    /// type both names of the loopback address.
    fn introduce(&mut self, command_api: SocketAddr, read_api: SocketAddr) -> anyhow::Result<()> {
        let (command_api, read_api) = (reachable(command_api), reachable(read_api));
        let RoleConfigs {
            command_api: writes,
            read_api: reads,
            ..
        } = &mut self.roles;
        if writes.dashboard_origins.is_empty() {
            let port = read_api.port();
            writes.dashboard_origins =
                format!("http://{read_api},http://localhost:{port},http://127.0.0.1:{port}").parse()?;
        }
        reads
            .dashboard_command_api_url
            .get_or_insert_with(|| format!("http://{command_api}"));
        Ok(())
    }

    /// Takes the secrets from the environment, or else makes them and keeps them in the data folder.
    fn fill_secrets(&mut self, data: &DataDir) -> anyhow::Result<OperatorKey> {
        let configs = &mut self.roles;
        if configs.command_api.widget_jwt_secret.is_none() {
            configs.command_api.widget_jwt_secret = Some(data.secret(WIDGET_SECRET)?.into());
        }
        let operator = match &configs.command_api.operator_jwt_secret {
            Some(secret) => secret.expose().to_owned(),
            None => data.secret(OPERATOR_SECRET)?,
        };
        configs.command_api.operator_jwt_secret = Some(operator.clone().into());
        configs.read_api.operator_jwt_secret = Some(operator.clone().into());
        Ok(OperatorKey::new(&operator)?)
    }
}

impl Servers {
    /// Starts the servers whose addresses are not given, and fills the addresses in.
    async fn start(&mut self, data: &DataDir, infra: &mut InfraArgs) -> anyhow::Result<()> {
        if infra.nats_url.is_some() && infra.database_url.is_some() {
            return Ok(());
        }
        let binaries = Binaries::fetch(&data.path().join("cache")).await?;
        if infra.nats_url.is_none() {
            let password = data.secret("nats_password")?;
            let nats = NatsServer::start(&binaries, &data.path().join("nats"), &password).await?;
            infra.nats_url = Some(nats.url().to_owned());
            self.nats = Some(nats);
        }
        if infra.database_url.is_none() {
            let password = data.secret("postgres_password")?;
            let postgres = Postgres::start(&binaries, &data.path().join("postgres"), &password).await?;
            infra.database_url = Some(postgres.url());
            self.postgres = Some(postgres);
        }
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<()> {
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        if let Some(nats) = self.nats {
            nats.stop().await?;
        }
        Ok(())
    }
}

/// Where a browser on this machine finds what listens at `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn serve_demo(listener: TcpListener, command_api: SocketAddr, tasks: &Tasks) {
    let router = demo::router(format!("http://{command_api}"));
    let (inner, router) = (tasks.clone(), edge::layers(router, "demo"));
    tasks.spawn(async move {
        if let Err(error) = edge::serve(listener, router, &inner, ServeLimits::default()).await {
            tracing::error!(%error, "the demo site cannot be served");
        }
    });
}
