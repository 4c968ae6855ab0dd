//! The binary as a process, and a visitor that talks to it.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// One `diagent`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts it; `output` gets what it prints and logs.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)], output: &Path) -> Self {
        let file = File::create(output).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_diagent"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file)
            .spawn()
            .expect("the binary");
        Self {
            child,
            output: output.to_owned(),
        }
    }

    /// What it said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Waits until it says this.
    pub(crate) async fn says(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(text) {
            assert!(Instant::now() < deadline, "it did not say {text:?}: {}", self.said());
            if let Some(status) = self.child.try_wait().expect("a status") {
                panic!("it ended with {status}: {}", self.said());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it ends.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What an operator's `kill` does.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Stops it in the middle of what it does, as a machine does that is out of breath.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// What `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a status");
    }
}

impl Drop for Process {
    #[expect(clippy::print_stdout, reason = "the test harness shows it beside the failure")]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            println!("it said, in {}:\n{}", self.output.display(), self.said());
        }
    }
}

/// Addresses that are free now.
pub(crate) fn free_addresses<const N: usize>() -> [String; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").to_string())
}

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("diagent-process-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client")
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until `url` answers 200.
pub(crate) async fn ready(url: &str) {
    let (client, deadline) = (client(), Instant::now() + PATIENCE);
    loop {
        match client.get(url).send().await {
            Ok(answer) if answer.status() == 200 => return,
            other => assert!(Instant::now() < deadline, "{url}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends, and answers with the JSON of a success.
pub(crate) async fn send(request: RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A visitor of one agent.
pub(crate) struct Visitor {
    base: String,
    origin: String,
    token: String,
    /// What `init` answered.
    pub(crate) data: Value,
}

impl Visitor {
    pub(crate) async fn init(command_api: &str, origin: &str, body: Value) -> Self {
        let base = format!("http://{command_api}/api/v1/widget");
        let request = client()
            .post(format!("{base}/init"))
            .header("Origin", origin)
            .json(&body);
        let data = send(request).await["data"].take();
        let token = data["jwt"].as_str().expect("a token").to_owned();
        Self {
            base,
            origin: origin.to_owned(),
            token,
            data,
        }
    }

    /// Asks, and answers with the lines of the stream.
    pub(crate) async fn ask(&self, message: &str) -> Vec<Value> {
        let request = client()
            .post(format!("{}/messages/stream", self.base))
            .header("Origin", &self.origin)
            .bearer_auth(&self.token)
            .json(&json!({ "message": message }));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.expect("a whole stream");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// The tokens of a stream, joined.
pub(crate) fn content(lines: &[Value]) -> String {
    lines.iter().filter_map(|line| line["token"].as_str()).collect()
}
