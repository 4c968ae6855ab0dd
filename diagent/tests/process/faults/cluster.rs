//! Two processes of each role, and one that reads, on servers of the test's own: one NATS server, or three.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use embedded::testing::{self, TestNats, TestPostgres};
use events::log::LogConfig;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::{model, routes::Routes, visitors::Door, wire::Wire};
use crate::{
    apart::{self, SECRET, Shop},
    support::{Folder, PATIENCE, Process, client, free_addresses, ready},
};

const TWICE: [&str; 3] = ["command-api", "responder", "projector"];

/// Workspaces that share the servers and the roles, with an agent each.
const SHOPS: usize = 2;

/// A role says within this how it is, whatever hangs behind it.
const SOON: Duration = Duration::from_secs(5);

pub(super) struct Cluster {
    pub(super) nats: Vec<TestNats>,
    pub(super) postgres: TestPostgres,
    /// What every role reaches the servers by.
    pub(super) to_nats: Vec<Wire>,
    pub(super) to_postgres: Wire,
    /// What NATS servers reach each other by.
    pub(super) routes: Routes,
    /// By role and number, each with its address.
    processes: BTreeMap<(&'static str, usize), (Process, String)>,
    environment: Vec<(&'static str, String)>,
    folder: Folder,
    shops: Vec<Shop>,
    started: usize,
    _alone: MutexGuard<'static, ()>,
}

/// Two of these at a time would starve each other on a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

impl Cluster {
    pub(super) async fn start() -> Self {
        Self::on(vec![testing::nats().await], Routes::default()).await
    }

    /// On three NATS servers that hold every stream together.
    pub(super) async fn start_on_three() -> Self {
        let (servers, routes) = Routes::three().await;
        Self::on(servers, routes).await
    }

    async fn on(nats: Vec<TestNats>, routes: Routes) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let folder = Folder::new(&format!("faults-on-{}", nats.len()));
        let postgres = testing::own_postgres().await;
        let to_postgres = Wire::to(&postgres.url()).await;
        let to_nats = join_all(nats.iter().map(|server| Wire::to(server.url()))).await;
        let nats_urls: Vec<&str> = to_nats.iter().map(Wire::url).collect();
        let environment = vec![
            ("NATS_URL", nats_urls.join(",")),
            ("LOG_REPLICAS", nats.len().to_string()),
            ("DATABASE_URL", to_postgres.url().to_owned()),
            ("WIDGET_JWT_SECRET", SECRET.to_owned()),
            ("OPERATOR_JWT_SECRET", SECRET.to_owned()),
            ("LLM_BASE_URL", format!("http://{}/v1", model::start().await)),
            ("LLM_MODEL", "slow".to_owned()),
            ("LIMIT_INIT_PER_MINUTE", "0".to_owned()),
            ("LIMIT_SESSION_PER_MINUTE", "0".to_owned()),
            ("LIMIT_READ_PER_MINUTE", "0".to_owned()),
            ("LIMIT_LEADS_PER_MINUTE", "0".to_owned()),
        ];
        let mut cluster = Self {
            nats,
            postgres,
            to_nats,
            to_postgres,
            routes,
            processes: BTreeMap::new(),
            environment,
            folder,
            shops: Vec::new(),
            started: 0,
            _alone: alone,
        };
        let addresses: [String; 7] = free_addresses();
        let roles = TWICE.into_iter().flat_map(|role| [(role, 0), (role, 1)]);
        for (role, address) in roles.chain([("read-api", 0)]).zip(addresses) {
            cluster.run(role, address);
        }
        cluster.ready().await;
        for _ in 0..SHOPS {
            let shop = apart::define(cluster.address("command-api", 0), cluster.address("read-api", 0)).await;
            cluster.shops.push(shop);
        }
        cluster
    }

    fn run(&mut self, (role, number): (&'static str, usize), address: String) {
        let setting = match role {
            "command-api" => "COMMAND_API_ADDR",
            "responder" => "RESPONDER_ADDR",
            "projector" => "PROJECTOR_ADDR",
            _ => "READ_API_ADDR",
        };
        self.started += 1;
        let own = [(setting, address.as_str())];
        let environment: Vec<(&str, &str)> = self.settings().chain(own).collect();
        let output = self.folder.path(&format!("{role}-{number}-{}", self.started));
        let process = Process::start(&[role], &environment, &output);
        self.processes.insert((role, number), (process, address));
    }

    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn address(&self, role: &'static str, number: usize) -> &str {
        &self.processes[&(role, number)].1
    }

    /// Where visitors come in.
    pub(super) fn doors(&self) -> Vec<Door> {
        let door = |shop: &Shop| Door {
            command_apis: [0, 1].map(|number| self.address("command-api", number).to_owned()),
            agent_id: shop.agent_id,
        };
        self.shops.iter().map(door).collect()
    }

    /// Who shares all this.
    pub(super) fn shops(&self) -> &[Shop] {
        &self.shops
    }

    /// Where the read API is.
    pub(super) fn read_api(&self) -> String {
        format!("http://{}/api/v1", self.address("read-api", 0))
    }

    /// The log, as the roles reach it.
    pub(super) fn log(&self) -> LogConfig {
        self.log_at(0..self.to_nats.len())
    }

    /// The log, by way of these servers.
    pub(super) fn log_at(&self, servers: impl Iterator<Item = usize>) -> LogConfig {
        let urls: Vec<&str> = servers.map(|server| self.to_nats[server].url()).collect();
        LogConfig {
            nats_url: urls.join(","),
            partitions: 8,
            replicas: self.nats.len(),
            role: "test",
        }
    }

    /// `kill -9`, and what an init system does then.
    pub(super) fn kill_role(&mut self, role: &'static str, number: usize) {
        let (mut process, address) = self.processes.remove(&(role, number)).expect("it runs");
        process.kill();
        self.run((role, number), address);
    }

    /// The same for every process.
    pub(super) fn kill_roles(&mut self) {
        let roles: Vec<_> = self.processes.keys().copied().collect();
        for (role, number) in roles {
            self.kill_role(role, number);
        }
    }

    /// Stops a process in the middle of what it does, and lets it go on later.
    pub(super) async fn pause_role(&self, role: &'static str, number: usize, pause: Duration) {
        let process = &self.processes[&(role, number)].0;
        process.pause();
        tokio::time::sleep(pause).await;
        process.resume();
    }

    /// Waits until every process says that it is.
    pub(super) async fn ready(&self) {
        for (_, address) in self.processes.values() {
            ready(&format!("http://{address}/readyz")).await;
        }
    }

    /// Asks every process how it is, for so long at least and until each of `roles` has said that it is not ready. Who has said so
    /// stays with it, and who can do without what is away never says so. Whatever one says, it says it soon.
    pub(super) async fn unready(&self, roles: &[&str], time: Duration) {
        let (began, mut unready) = (Instant::now(), BTreeSet::new());
        let affected = self.processes.keys().filter(|(role, _)| roles.contains(role)).count();
        while unready.len() < affected || began.elapsed() < time {
            for (process, status, said) in self.said().await {
                let (role, _) = process;
                if roles.contains(&role) && status == 503 {
                    unready.insert(process);
                } else {
                    let waits = began.elapsed() < PATIENCE;
                    let is_well = status == 200 && !unready.contains(&process);
                    assert!(
                        is_well && waits,
                        "without what {roles:?} need, {process:?} says {status}: {said}"
                    );
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What every process says of itself: the status of its `/readyz`, and its words.
    async fn said(&self) -> Vec<((&'static str, usize), StatusCode, String)> {
        let client = client();
        let asked = self.processes.iter().map(async |(process, (_, address))| {
            let asked = client
                .get(format!("http://{address}/readyz"))
                .timeout(SOON)
                .send()
                .await;
            let answer = asked.unwrap_or_else(|error| panic!("{process:?} says nothing: {error}"));
            (*process, answer.status(), answer.text().await.unwrap_or_default())
        });
        join_all(asked).await
    }

    /// All events, as analysts get them, in the order of each partition.
    pub(super) async fn replay(&self) -> Vec<Value> {
        self.replay_with(&apart::token()).await
    }

    /// The events that the token reaches.
    pub(super) async fn replay_with(&self, token: &str) -> Vec<Value> {
        let url = format!("{}/events", self.read_api());
        let answer = client().get(url).bearer_auth(token).send().await.expect("a replay");
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.expect("a whole replay");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Compares a read model with the log, as soon as it has caught up.
    pub(super) async fn verify(&self, projection: &str) -> String {
        let environment: Vec<(&str, &str)> = self.settings().collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let arguments = ["projections", "verify", projection, "--json"];
            let mut process = Process::start(&arguments, &environment, &self.folder.path("command"));
            let status = process.ended().await;
            if status.success() {
                return process.said();
            }
            let is_behind = process.said().contains("let it catch up") && Instant::now() < deadline;
            assert!(is_behind, "{arguments:?} {status}: {}", process.said());
        }
    }

    /// Ends every process as an operator does.
    pub(super) async fn stop(mut self) {
        for (process, _) in self.processes.values_mut() {
            let status = process.terminate().await;
            assert!(status.success(), "{status}: {}", process.said());
        }
    }
}
