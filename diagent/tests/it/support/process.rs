//! One process of the product: some roles on a runtime of their own. What is spawned in it ends with it, so that killing
//! it is what `kill -9` does, and telling it to stop is what SIGTERM does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Parser as _;
use diagent::{
    infra::{self, InfraArgs},
    roles::{self, Listeners, RoleConfigs, Running},
};
use edge::Tasks;
use events::Clock;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use super::{http, jwt, until};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    CommandApi,
    Responder,
    Projector,
    ReadApi,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::CommandApi, Self::Responder, Self::Projector, Self::ReadApi];
}

/// How a process is started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    roles: Vec<Role>,
    clock: Clock,
    arguments: Vec<String>,
}

impl Options {
    /// These roles, with the settings that they have by themselves.
    pub(crate) fn of(roles: &[Role]) -> Self {
        Self {
            roles: roles.to_vec(),
            clock: Clock::default(),
            arguments: Vec::new(),
        }
    }

    /// With a clock that the test may move.
    pub(crate) fn clock(mut self, clock: &Clock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// With command-line arguments as an operator would give them.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    fn configs(&self) -> RoleConfigs {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            configs: RoleConfigs,
        }
        let free = [
            "--command-api-addr",
            "--responder-addr",
            "--projector-addr",
            "--read-api-addr",
        ];
        let free = free.iter().flat_map(|&name| [name, "127.0.0.1:0"]).map(str::to_owned);
        let all = ["it".to_owned()].into_iter().chain(free).chain(self.arguments.clone());
        let Command { mut configs } = Command::parse_from(all);
        configs
            .command_api
            .widget_jwt_secret
            .get_or_insert_with(|| jwt::WIDGET_SECRET.to_owned().into());
        configs.command_api.operator_jwt_secret = Some(jwt::OPERATOR_SECRET.to_owned().into());
        configs.read_api.operator_jwt_secret = Some(jwt::OPERATOR_SECRET.to_owned().into());
        // Tests wait for read models all the time.
        configs.projector.projector_batch_linger_ms = 5;
        configs
    }
}

/// A running process.
pub(crate) struct Process {
    runtime: Option<Runtime>,
    tasks: Tasks,
    /// Where each role is reached.
    urls: BTreeMap<Role, String>,
    /// Why a role ended, if one did.
    ended: Arc<Mutex<Option<String>>>,
}

impl Process {
    /// Starts a process and waits until its roles are ready.
    pub(crate) async fn start(infra: &InfraArgs, options: Options) -> Self {
        let process = Self::launch(infra, options).await;
        process.ready().await;
        process
    }

    /// Starts a process; its roles may not be ready, or never become it.
    pub(crate) async fn launch(infra: &InfraArgs, options: Options) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("role")
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let (tasks, ended) = (Tasks::new(), Arc::new(Mutex::new(None)));
        http::install_provider();
        let starting = if options.roles == Role::ALL {
            runtime.spawn(start_whole(infra.clone(), options, tasks.clone(), Arc::clone(&ended)))
        } else {
            runtime.spawn(start_some(infra.clone(), options, tasks.clone(), Arc::clone(&ended)))
        };
        let addresses = starting.await.expect("roles that start");
        Self {
            urls: addresses
                .into_iter()
                .map(|(role, address)| (role, format!("http://{address}")))
                .collect(),
            runtime: Some(runtime),
            tasks,
            ended,
        }
    }

    /// Where a role is reached.
    pub(crate) fn url(&self, role: Role) -> &str {
        &self.urls[&role]
    }

    /// Where the command API is reached.
    pub(crate) fn command_api(&self) -> &str {
        self.url(Role::CommandApi)
    }

    /// Waits until all roles say that they are ready.
    pub(crate) async fn ready(&self) {
        let client = http::client();
        for url in self.urls.values() {
            until(&format!("{url} is ready"), async || {
                if let Some(ended) = &*self.ended.lock().unwrap_or_else(PoisonError::into_inner) {
                    return Err(ended.clone());
                }
                match http::try_send(client.get(format!("{url}/readyz"))).await {
                    Ok(answer) if answer.status == 200 => Ok(()),
                    Ok(answer) => Err(answer.to_string()),
                    Err(error) => Err(error.to_string()),
                }
            })
            .await;
        }
    }

    /// What `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// What SIGTERM does: everybody is told to finish. It goes on meanwhile.
    pub(crate) fn terminate(&self) {
        self.tasks.start_drain();
    }

    /// Waits until everything has finished after [`Self::terminate`].
    pub(crate) async fn drained(&self) -> bool {
        self.tasks.drained(Duration::from_secs(20)).await
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

type Addresses = BTreeMap<Role, SocketAddr>;
type Ended = Arc<Mutex<Option<String>>>;

/// All four, as `diagent up` starts them.
async fn start_whole(infra: InfraArgs, options: Options, tasks: Tasks, ended: Ended) -> Addresses {
    let configs = options.configs();
    let listeners = Listeners::bind(&configs).await.expect("free ports");
    let (command_api, read_api) = listeners.addresses().expect("addresses");
    let mut running = Running::default();
    let started = roles::start((configs, listeners), &infra, (&options.clock, &tasks), &mut running).await;
    started.expect("the roles start");
    tasks.spawn(async move {
        let result = running.all_ended().await;
        note(&ended, format!("{result:?}"));
    });
    BTreeMap::from([(Role::CommandApi, command_api), (Role::ReadApi, read_api)])
}

/// Some of them, as `diagent <role>` starts each.
async fn start_some(infra: InfraArgs, options: Options, tasks: Tasks, ended: Ended) -> Addresses {
    let mut addresses = BTreeMap::new();
    let (nats, database) = (
        infra.required_nats().expect("a log"),
        infra.required_database().expect("a database"),
    );
    for role in &options.roles {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        addresses.insert(*role, listener.local_addr().expect("an address"));
        let (configs, tasks, ended) = (options.configs(), tasks.clone(), Arc::clone(&ended));
        let log = infra.log(nats, "it", options.clock.clone()).await.expect("a log");
        let pool = infra::database(database, "it").expect("an address");
        let inner = tasks.clone();
        // Boxed: one future of all roles would be large.
        match role {
            Role::CommandApi => tasks.spawn(async move {
                let result = command_api::run(configs.command_api, log, listener, inner).await;
                note(&ended, format!("{result:?}"));
            }),
            Role::Responder => tasks.spawn(async move {
                let result = responder::run(configs.responder, log, pool, listener, inner).await;
                note(&ended, format!("{result:?}"));
            }),
            Role::Projector => tasks.spawn(async move {
                let result = projector::run(configs.projector, log, pool, listener, inner).await;
                note(&ended, format!("{result:?}"));
            }),
            Role::ReadApi => tasks.spawn(async move {
                let result = read_api::run(configs.read_api, log, pool, listener, inner).await;
                note(&ended, format!("{result:?}"));
            }),
        };
    }
    addresses
}

fn note(ended: &Ended, why: String) {
    *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("a role ended: {why}"));
}
