//! A language model behind OpenAI's chat completions that says what a test tells it to, when the test tells it to.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt as _,
};
use futures::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc};

use super::unique;

/// What no test has a script for is answered with this.
pub(crate) const UNSCRIPTED: [&str; 4] = ["I ", "am ", "only ", "a model."];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime")
});

type Scripts = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Call>>>>;

/// The model's server.
pub(crate) struct Model {
    address: SocketAddr,
    scripts: Scripts,
}

/// The calls for the questions that hold one marker.
pub(crate) struct Script {
    /// To be put into the question.
    pub(crate) marker: String,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// One call that waits for what is to be said.
pub(crate) struct Call {
    /// What the model was sent.
    pub(crate) request: Value,
    said: mpsc::UnboundedSender<io::Result<Bytes>>,
    status: Option<tokio::sync::oneshot::Sender<StatusCode>>,
}

impl Model {
    /// Starts to listen.
    pub(crate) async fn start() -> Self {
        let scripts = Scripts::default();
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .with_state(Arc::clone(&scripts));
        let serve = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            // One that gives a call up when its caller does, and not one of ours, which finishes what was begun.
            let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).expect("a connection"));
            RUNTIME.spawn(async move { axum::serve(listener, router).await });
            address
        };
        let address = RUNTIME.spawn(serve).await.expect("a model");
        Self { address, scripts }
    }

    /// Its base address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// From now on questions with the script's marker are answered by the test.
    pub(crate) fn script(&self) -> Script {
        let (sender, calls) = mpsc::unbounded_channel();
        let marker = unique("marker");
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.insert(marker.clone(), sender);
        Script { marker, calls }
    }
}

impl Script {
    /// A question for this script.
    pub(crate) fn question(&self) -> String {
        format!("What do you say to {}?", self.marker)
    }

    /// The next call.
    pub(crate) async fn call(&mut self) -> Call {
        let call = tokio::time::timeout(Duration::from_secs(30), self.calls.recv()).await;
        call.expect("the model is called in time").expect("a call")
    }

    /// The next call, however long it takes.
    pub(crate) async fn call_whenever(&mut self) -> Call {
        self.calls.recv().await.expect("a call")
    }

    /// Whether a call waits.
    pub(crate) fn is_called(&self) -> bool {
        !self.calls.is_empty()
    }
}

impl Call {
    /// Says a piece.
    pub(crate) fn say(&mut self, text: &str) {
        self.send(&json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }));
    }

    /// Says nothing more: the answer is complete.
    pub(crate) fn finish(mut self) {
        self.send(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }));
        self.send(&json!({ "choices": [], "usage": { "prompt_tokens": 21, "completion_tokens": 7 } }));
        self.write("data: [DONE]\n\n");
    }

    /// Says a piece, and in one breath that it was the last.
    pub(crate) fn say_last(&mut self, text: &str) {
        self.send(&json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "stop" }] }));
    }

    /// Says all of it at once.
    pub(crate) fn answer(mut self, pieces: &[&str]) {
        for piece in pieces {
            self.say(piece);
        }
        self.finish();
    }

    /// Refuses before anything was said.
    pub(crate) fn refuse(mut self, status: StatusCode) {
        if let Some(sender) = self.status.take() {
            let _hears = sender.send(status);
        }
    }

    /// Returns when the caller has gone away.
    pub(crate) async fn gone(&self) {
        let gone = tokio::time::timeout(Duration::from_secs(20), self.said.closed()).await;
        gone.expect("the caller goes away");
    }

    /// Breaks the connection off.
    pub(crate) fn cut(mut self) {
        self.put(Err(io::ErrorKind::ConnectionReset.into()));
    }

    /// Writes `text` again and again, until the caller has gone away.
    pub(crate) async fn repeat(&mut self, text: &str) {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        let again = async {
            while !self.said.is_closed() {
                beat.tick().await;
                self.write(text);
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(20), again).await;
        gone.expect("the caller goes away");
    }

    /// Writes what no model should, or a chunk as it is.
    pub(crate) fn write(&mut self, text: &str) {
        self.put(Ok(Bytes::from(text.to_owned())));
    }

    fn send(&mut self, chunk: &Value) {
        self.write(&format!("data: {chunk}\n\n"));
    }

    fn put(&mut self, bytes: io::Result<Bytes>) {
        if let Some(sender) = self.status.take() {
            let _hears = sender.send(StatusCode::OK);
        }
        // Whether anybody listens is for the test to say.
        drop(self.said.send(bytes));
    }
}

async fn complete(State(scripts): State<Scripts>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let last = request["messages"]
        .as_array()
        .and_then(|messages| messages.last().cloned());
    let question = last
        .as_ref()
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default()
        .to_owned();
    let script = {
        let scripts = scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts
            .iter()
            .find(|(marker, _)| question.contains(marker.as_str()))
            .map(|(_, script)| script.clone())
    };
    let (said, hears) = mpsc::unbounded_channel();
    let (status, decided) = tokio::sync::oneshot::channel();
    let call = Call {
        request,
        said,
        status: Some(status),
    };
    match script {
        Some(script) => drop(script.send(call)),
        None => call.answer(&UNSCRIPTED),
    }
    match decided.await {
        Ok(StatusCode::OK) => {
            let said = stream::unfold(hears, async |mut hears| hears.recv().await.map(|bytes| (bytes, hears)));
            let body = Body::from_stream(said);
            ([("content-type", "text/event-stream")], body).into_response()
        }
        Ok(status) => status.into_response(),
        // The test has gone without a word.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
