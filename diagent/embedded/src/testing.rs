//! Servers for tests: real ones, that go when the test process does, however it ends.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustix::process::Signal;
use tokio::sync::{Mutex, OnceCell};

pub use crate::nats::Member;
use crate::{Binaries, NatsServer, Postgres, data_dir::new_secret, nats, postgres};

static BINARIES: OnceCell<Binaries> = OnceCell::const_new();
static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();
static TEMPLATES: Mutex<Option<HashMap<String, String>>> = Mutex::const_new(None);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How often a server is started again on its port, a second apart.
const RESTARTS: usize = 10;

/// A NATS server of one's own, with `sync_interval: always`.
pub struct TestNats {
    server: NatsServer,
    folder: PathBuf,
    password: String,
    member: Option<Member>,
}

/// A fresh server.
///
/// # Panics
/// It cannot be started: a test cannot go on without.
pub async fn nats() -> TestNats {
    start_nats(new_secret(), None).await
}

/// A fresh server of a cluster, whose servers and clients have this password. It works when most of the cluster has started.
///
/// # Panics
/// It cannot be started.
pub async fn nats_member(password: &str, member: Member) -> TestNats {
    start_nats(password.to_owned(), Some(member)).await
}

async fn start_nats(password: String, member: Option<Member>) -> TestNats {
    let folder = folder();
    let options = nats::Options {
        port: None,
        remove: Some(&folder),
        member: member.as_ref(),
    };
    let server = NatsServer::start_with(binaries().await, &folder, &password, options)
        .await
        .expect("a NATS server");
    TestNats {
        server,
        folder,
        password,
        member,
    }
}

impl TestNats {
    /// Where clients connect.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Where its streams are, for a copy while it is killed.
    pub fn store(&self) -> PathBuf {
        self.folder.join("jetstream")
    }

    /// What `kill -9` does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again, on the same port and data.
    ///
    /// # Panics
    /// It cannot be started.
    pub async fn restart(&mut self) {
        let options = nats::Options {
            port: Some(self.server.port()),
            remove: Some(&self.folder),
            member: self.member.as_ref(),
        };
        let binaries = binaries().await;
        self.server =
            on_its_port(async || NatsServer::start_with(binaries, &self.folder, &self.password, options).await).await;
    }

    /// Stops it in the middle of what it does.
    pub fn pause(&self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.server.signal(Signal::CONT);
    }
}

impl Drop for TestNats {
    fn drop(&mut self) {
        self.server.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A database of one's own, on the test process's server.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// Where clients connect.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// An empty database.
///
/// # Panics
/// There is no server to create it on.
pub async fn database() -> TestDatabase {
    create(None).await
}

/// A copy of the database that `setup` made, which runs once per process and `name`.
///
/// # Panics
/// There is no server to create it on.
pub async fn database_from_template(name: &str, setup: impl AsyncFnOnce(String)) -> TestDatabase {
    let mut templates = TEMPLATES.lock().await;
    let templates = templates.get_or_insert_with(HashMap::new);
    if !templates.contains_key(name) {
        let template = format!("template_{name}");
        let client = shared().await.client();
        client
            .create_database(&template, None)
            .await
            .expect("a template database");
        setup(client.url(&template)).await;
        templates.insert(name.to_owned(), template);
    }
    create(templates.get(name).map(String::as_str)).await
}

async fn create(template: Option<&str>) -> TestDatabase {
    let client = shared().await.client();
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    client.create_database(&name, template).await.expect("a test database");
    TestDatabase { url: client.url(&name) }
}

/// A server of one's own, for tests that stop it.
pub struct TestPostgres {
    server: Postgres,
    folder: PathBuf,
    password: String,
}

/// A fresh server.
///
/// # Panics
/// It cannot be started.
pub async fn own_postgres() -> TestPostgres {
    let (folder, password) = (folder(), new_secret());
    let server = start(&folder, &password, None).await.expect("a PostgreSQL server");
    TestPostgres {
        server,
        folder,
        password,
    }
}

impl TestPostgres {
    /// Where clients connect.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where its data is, for a copy while it is killed.
    pub fn data(&self) -> PathBuf {
        self.server.folder().join("data")
    }

    /// What `kill -9` does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again, on the same port and data.
    ///
    /// # Panics
    /// It cannot be started.
    pub async fn restart(&mut self) {
        let port = self.server.client().port();
        self.server = on_its_port(async || start(&self.folder, &self.password, Some(port)).await).await;
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.server.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Starts a server again on the port it had. Meanwhile somebody else may have it for a moment: a client that tries to reach the
/// server can be given that very port for its own end, and is then connected to itself until it gives up.
async fn on_its_port<S>(start: impl AsyncFn() -> anyhow::Result<S>) -> S {
    for _ in 1..RESTARTS {
        if let Ok(server) = start().await {
            return server;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    start().await.expect("the server again")
}

async fn start(folder: &Path, password: &str, port: Option<u16>) -> anyhow::Result<Postgres> {
    let options = postgres::Options {
        port,
        remove: Some(folder),
        volatile: true,
    };
    Postgres::start_with(binaries().await, folder, password, options).await
}

async fn shared() -> &'static Postgres {
    POSTGRES
        .get_or_init(async || {
            start(&folder(), &new_secret(), None)
                .await
                .expect("a PostgreSQL server")
        })
        .await
}

async fn binaries() -> &'static Binaries {
    let fetch = async || {
        Binaries::fetch(&workspace().join(".diagent/cache"))
            .await
            .expect("the servers' binaries")
    };
    BINARIES.get_or_init(fetch).await
}

/// The root of the source tree: tests run from it.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder() -> PathBuf {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("diagent-test-{}-{number}", std::process::id()))
}
