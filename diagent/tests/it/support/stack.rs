//! The whole product on a NATS server and a database of its own.

use std::{sync::Arc, time::Duration};

use diagent::infra::InfraArgs;
use embedded::testing::{self, TestNats, TestPostgres};
use events::{Clock, Log, log::LogConfig};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use super::{Agent, Operator, Options, Process, Role, agent::Definition, logs, model::Model};

/// The product, started.
pub(crate) struct Stack {
    nats: Mutex<TestNats>,
    /// A server of its own, where one was asked for.
    database: Option<Mutex<TestPostgres>>,
    infra: InfraArgs,
    process: Process,
    model: Option<Model>,
    second: OnceCell<Process>,
    unlimited: OnceCell<Process>,
}

/// Settings without any limit of requests.
pub(crate) const NO_LIMITS: [&str; 8] = [
    "--limit-init-per-minute",
    "0",
    "--limit-session-per-minute",
    "0",
    "--limit-read-per-minute",
    "0",
    "--limit-leads-per-minute",
    "0",
];

impl Stack {
    /// The one that tests share which do not disturb each other. Answers are sentences from the agents' pages.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: OnceCell<Arc<Stack>> = OnceCell::const_new();
        let start = async || Self::start(Options::of(&Role::ALL), None).await;
        Arc::clone(SHARED.get_or_init(start).await)
    }

    /// Another shared one, whose answers come from a language model that says what tests tell it to.
    pub(crate) async fn with_model() -> Arc<Self> {
        static SHARED: OnceCell<Arc<Stack>> = OnceCell::const_new();
        Arc::clone(SHARED.get_or_init(Self::own_with_model).await)
    }

    /// One of its own with such a model. Many tests let it fail, and others need it at the same time.
    pub(crate) async fn own_with_model() -> Arc<Self> {
        Self::own_with_model_and(&["--llm-failures-max", "1000000"]).await
    }

    /// One of its own with such a model, and further settings.
    pub(crate) async fn own_with_model_and(arguments: &[&str]) -> Arc<Self> {
        let model = Model::start().await;
        let options = Options::of(&Role::ALL).with(&["--llm-base-url", &model.url(), "--llm-model", "it-model"]);
        Self::start(options.with(arguments), Some(model)).await
    }

    /// One of its own with further settings.
    pub(crate) async fn started_with(arguments: &[&str]) -> Arc<Self> {
        Self::start(Options::of(&Role::ALL).with(arguments), None).await
    }

    /// One of its own: for faults, and for what the others must not see.
    pub(crate) async fn own() -> Arc<Self> {
        Self::start(Options::of(&Role::ALL), None).await
    }

    /// One of its own with only these roles in its process; others are started with [`Self::launch`].
    pub(crate) async fn of(roles: &[Role]) -> Arc<Self> {
        Self::start(Options::of(roles), None).await
    }

    /// One of its own on a database server of its own, which can be killed.
    pub(crate) async fn own_with_database() -> Arc<Self> {
        let server = testing::own_postgres().await;
        let url = server.url();
        Self::start_on(&url, Options::of(&Role::ALL), None, Some(server)).await
    }

    async fn start(options: Options, model: Option<Model>) -> Arc<Self> {
        let database = testing::database_from_template("migrated", migrate).await;
        Self::start_on(database.url(), options, model, None).await
    }

    async fn start_on(
        database_url: &str,
        options: Options,
        model: Option<Model>,
        database: Option<TestPostgres>,
    ) -> Arc<Self> {
        logs::keep();
        let nats = testing::nats().await;
        let infra = InfraArgs {
            nats_url: Some(nats.url().to_owned()),
            database_url: Some(database_url.to_owned()),
            log_partitions: 4,
            log_replicas: 1,
            data_dir: "/nonexistent".into(),
        };
        let process = Process::start(&infra, options).await;
        Arc::new(Self {
            nats: Mutex::new(nats),
            database: database.map(Mutex::new),
            infra,
            process,
            model,
            second: OnceCell::new(),
            unlimited: OnceCell::new(),
        })
    }

    /// Starts another process on the same log and database.
    pub(crate) async fn launch(&self, options: Options) -> Process {
        Process::start(&self.infra, options).await
    }

    /// Starts another process on the same log and an empty database of its own.
    pub(crate) async fn on_an_empty_database(&self, roles: &[Role]) -> Process {
        let database = testing::database_from_template("migrated", migrate).await;
        let infra = InfraArgs {
            database_url: Some(database.url().to_owned()),
            ..self.infra.clone()
        };
        Process::start(&infra, Options::of(roles)).await
    }

    /// Where the command API is.
    pub(crate) fn command_api(&self) -> &str {
        self.process.url(Role::CommandApi)
    }

    /// Where the read API is.
    pub(crate) fn read_api(&self) -> &str {
        self.process.url(Role::ReadApi)
    }

    /// The process that was started first.
    pub(crate) const fn process(&self) -> &Process {
        &self.process
    }

    /// Where another instance of the command API is.
    pub(crate) async fn second(&self) -> &str {
        let start = async || self.launch(Options::of(&[Role::CommandApi])).await;
        self.second.get_or_init(start).await.url(Role::CommandApi)
    }

    /// Where an instance of the command API is that limits nobody, for tests that ask a lot.
    pub(crate) async fn unlimited(&self) -> &str {
        let start = async || self.launch(Options::of(&[Role::CommandApi]).with(&NO_LIMITS)).await;
        self.unlimited.get_or_init(start).await.url(Role::CommandApi)
    }

    /// An instance of the command API that lives so much later.
    pub(crate) async fn later(&self, by: Duration) -> Process {
        let clock = Clock::default();
        clock.advance(by);
        self.launch(Options::of(&[Role::CommandApi]).clock(&clock)).await
    }

    /// The language model.
    pub(crate) fn model(&self) -> &Model {
        self.model.as_ref().expect("a stack with a model")
    }

    /// The log's server, for faults.
    pub(crate) async fn nats(&self) -> tokio::sync::MutexGuard<'_, TestNats> {
        self.nats.lock().await
    }

    /// The log itself, for what no API does.
    pub(crate) async fn log(&self) -> Log {
        let config = LogConfig {
            nats_url: self.nats().await.url().to_owned(),
            partitions: 4,
            replicas: 1,
            role: "test",
        };
        Log::connect(&config, Clock::default()).await.expect("the log")
    }

    /// The database's server, for faults.
    pub(crate) async fn database(&self) -> tokio::sync::MutexGuard<'_, TestPostgres> {
        let database = self.database.as_ref().expect("a server of its own");
        database.lock().await
    }

    /// A published agent of a workspace of its own, allowed on one site, that knows no pages.
    pub(crate) async fn agent(self: &Arc<Self>) -> Agent {
        self.agent_with(json!({})).await
    }

    /// The same, with these fields of its definition instead.
    pub(crate) async fn agent_with(self: &Arc<Self>, fields: Value) -> Agent {
        Agent::define(self, Definition::new().with(fields)).await
    }

    /// An agent that knows three pages: refunds, shipping and a shop's history.
    pub(crate) async fn taught_agent(self: &Arc<Self>) -> Agent {
        let agent = self.agent().await;
        agent.teach_pages().await;
        agent
    }

    /// Somebody who may do everything everywhere.
    pub(crate) fn root(self: &Arc<Self>) -> Operator {
        Operator::new(self, "root", "*", "read write admin")
    }
}

async fn migrate(url: String) {
    let pool = diagent::infra::database(&url, "it").expect("an address");
    projector::migrate(&pool).await.expect("a migrated database");
    pool.close().await;
}
