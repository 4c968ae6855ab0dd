//! The servers start, keep their data over a crash, and leave nothing behind.

use std::{fs, net::TcpStream, path::PathBuf, process::Stdio, time::Duration};

use embedded::{Binaries, DataDir, NatsServer, Postgres, testing};
use tokio::process::{Child, Command};

#[test]
fn a_folder_has_one_owner() {
    let folder = Folder::new("owner");
    let first = DataDir::open(&folder.0).expect("the folder");

    let refused = DataDir::open(&folder.0).expect_err("it is taken").to_string();

    assert!(
        refused.contains("is in use by process") && refused.contains("DIAGENT_DATA_DIR"),
        "{refused}"
    );
    drop(first);
    // A child that another test starts right now has the lock as well, until it is another program.
    let free = std::iter::repeat_with(|| DataDir::open(&folder.0))
        .take(10_000)
        .any(|folder| {
            std::thread::yield_now();
            folder.is_ok()
        });
    assert!(free, "it is free again");
}

#[test]
fn a_secret_is_made_once_and_for_us_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("secret");
    let data = DataDir::open(&folder.0).expect("the folder");

    let secret = data.secret("widget").expect("a secret");

    assert_eq!(secret.len(), 64);
    assert_eq!(data.secret("widget").expect("a secret"), secret);
    assert_ne!(data.secret("operator").expect("a secret"), secret);
    let mode = fs::metadata(folder.0.join("secrets/widget"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(DataDir::existing_secret(&folder.0, "widget").expect("a secret"), secret);
}

#[tokio::test]
async fn postgres_keeps_its_data_over_a_crash() {
    let mut postgres = testing::own_postgres().await;
    let url = postgres.url();

    postgres.kill();
    postgres.restart().await;

    assert_eq!(postgres.url(), url, "clients find it where it was");
}

#[tokio::test]
async fn databases_of_two_tests_are_two() {
    let (one, other) = (testing::database().await, testing::database().await);
    assert_ne!(one.url(), other.url());
}

#[tokio::test]
async fn servers_stop_when_told_to_and_start_again_on_their_data() {
    let folder = Folder::new("restart");
    let binaries = binaries().await;
    for _ in 0..2 {
        let nats = NatsServer::start(&binaries, &folder.0.join("nats"), "a password")
            .await
            .expect("NATS");
        let postgres = Postgres::start(&binaries, &folder.0.join("postgres"), "a password")
            .await
            .expect("PostgreSQL");
        assert!(nats.url().starts_with("nats://diagent:"));
        nats.stop().await.expect("NATS stops");
        postgres.stop().await.expect("PostgreSQL stops");
    }
}

#[tokio::test]
async fn what_a_crash_left_running_is_ended_by_the_next_start() {
    let folder = Folder::new("leftover");
    let binaries = binaries().await;
    let nats = NatsServer::start(&binaries, &folder.0, "a password")
        .await
        .expect("NATS");
    let left: u32 = fs::read_to_string(folder.0.join("nats.pid"))
        .expect("a pid")
        .parse()
        .expect("a number");
    // As after kill -9 of ours and of the watchdog: nobody ends the server.
    std::mem::forget(nats);

    let again = NatsServer::start(&binaries, &folder.0, "a password")
        .await
        .expect("NATS again");

    let is_left = fs::read_to_string(format!("/proc/{left}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(!is_left, "process {left} still runs");
    again.stop().await.expect("NATS stops");
}

#[tokio::test]
async fn a_pid_file_that_names_another_folders_server_ends_nobody() {
    let folder = Folder::new("other");
    let (mine, other) = (folder.0.join("mine"), folder.0.join("other"));
    let binaries = binaries().await;
    let running = NatsServer::start(&binaries, &mine, "a password").await.expect("NATS");
    fs::create_dir_all(&other).expect("a folder");
    fs::copy(mine.join("nats.pid"), other.join("nats.pid")).expect("a stale pid file");

    let second = NatsServer::start(&binaries, &other, "a password")
        .await
        .expect("another NATS");

    let address = running.url().rsplit('@').next().expect("an address");
    TcpStream::connect(address).expect("the first one still listens");
    running.stop().await.expect("NATS stops");
    second.stop().await.expect("NATS stops");
}

#[tokio::test]
async fn a_folder_may_have_any_name() {
    let folder = Folder::new("it's \"a\" \\ $folder {}");
    let binaries = binaries().await;
    let nats = NatsServer::start(&binaries, &folder.0.join("nats"), "a password")
        .await
        .expect("NATS");
    let postgres = Postgres::start(&binaries, &folder.0.join("postgres"), "a password")
        .await
        .expect("PostgreSQL");
    nats.stop().await.expect("NATS stops");
    postgres.stop().await.expect("PostgreSQL stops");
}

#[tokio::test]
async fn a_query_that_outlives_a_killed_postgres_does_not_keep_the_next_from_starting() {
    let (mut postgres, binaries) = (testing::own_postgres().await, binaries().await);
    let busy = psql(
        &binaries,
        &postgres.url(),
        "SELECT count(*) FROM generate_series(1, 4000000000)",
    );
    let is_busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM generate%'";
    while psql(&binaries, &postgres.url(), is_busy)
        .wait_with_output()
        .await
        .expect("psql")
        .stdout
        != b"1\n"
    {}

    postgres.kill();
    postgres.restart().await;

    let output = psql(&binaries, &postgres.url(), "SELECT 1")
        .wait_with_output()
        .await
        .expect("psql");
    assert_eq!(output.stdout, b"1\n");
    drop(busy);
}

/// A query under way.
fn psql(binaries: &Binaries, url: &str, query: &str) -> Child {
    Command::new(binaries.postgres_bin.join("psql"))
        .args([url, "--no-psqlrc", "--tuples-only", "--no-align", "--command", query])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("psql")
}

async fn binaries() -> Binaries {
    tokio::time::timeout(Duration::from_mins(5), Binaries::fetch(&cache()))
        .await
        .expect("in time")
        .expect("the servers")
}

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.diagent/cache")
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("diagent-embedded-{}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
