//! An embedding model behind OpenAI's interface that knows what a few words mean, and fails when a test tells it to.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use edge::{ServeLimits, Tasks};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

/// Words that mean the same; a text's vector has a place for each of these meanings, and one for everything else.
const MEANINGS: [&[&str]; 4] = [
    &["refund", "refunds", "reimbursed"],
    &["shipping", "parcels", "delivered"],
    &["founder", "lighthouse", "started"],
    &["damaged", "broken"],
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime")
});

#[derive(Default)]
struct Inner {
    /// Models that refuse, each with the status.
    refusing: Vec<(&'static str, StatusCode)>,
    /// The models of all questions, in order.
    asked: Vec<String>,
    refused: usize,
}

/// The endpoint. It serves every model; vectors of models whose names differ in length have other dimensions.
#[derive(Clone)]
pub(crate) struct Embeddings {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Embeddings {
    /// Starts to listen.
    pub(crate) async fn start() -> Self {
        let inner = Arc::<Mutex<Inner>>::default();
        let router = Router::new()
            .route("/v1/embeddings", post(embed))
            .with_state(Arc::clone(&inner));
        let serve = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            RUNTIME.spawn(async move { edge::serve(listener, router, &Tasks::new(), ServeLimits::default()).await });
            address
        };
        let address = RUNTIME.spawn(serve).await.expect("a model");
        Self { address, inner }
    }

    /// What a responder is started with to use `model`, of which any cosine above a half means something.
    pub(crate) fn arguments(&self, model: &str) -> [String; 6] {
        let url = format!("http://{}/v1", self.address);
        let [a, b, c] = [
            "--embedding-base-url",
            "--embedding-model",
            "--embedding-confident-cosine",
        ];
        [a, &url, b, model, c, "0.5"].map(str::to_owned)
    }

    /// From now on `model` answers with `status`.
    pub(crate) fn refuse(&self, model: &'static str, status: StatusCode) {
        self.lock().refusing.push((model, status));
    }

    /// All models answer again.
    pub(crate) fn recover(&self) {
        self.lock().refusing.clear();
    }

    /// How often it has refused.
    pub(crate) fn refused(&self) -> usize {
        self.lock().refused
    }

    /// The model that the last question was for.
    pub(crate) fn last_asked(&self) -> Option<String> {
        self.lock().asked.last().cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn embed(State(inner): State<Arc<Mutex<Inner>>>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let model = request["model"].as_str().expect("a model").to_owned();
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let refusing = inner.refusing.iter().find(|(refusing, _)| *refusing == model);
    if let Some((_, status)) = refusing {
        let answer = (*status, [("retry-after", "1")]).into_response();
        inner.refused += 1;
        return answer;
    }
    let texts = match &request["input"] {
        Value::String(question) => {
            inner.asked.push(model.clone());
            vec![question.as_str()]
        }
        texts => texts
            .as_array()
            .expect("texts")
            .iter()
            .filter_map(Value::as_str)
            .collect(),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text, model.len()) }))
        .collect();
    let answer = json!({ "object": "list", "model": model, "data": data });
    ([("content-type", "application/json")], answer.to_string()).into_response()
}

/// How often `text` speaks of each meaning, and a little of something else.
fn vector(text: &str, empty_places: usize) -> Vec<f32> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|char: char| !char.is_alphanumeric()).collect();
    let times = |meaning: &&[&str]| words.iter().filter(|word| meaning.contains(word)).map(|_| 1.0).sum();
    let mut vector: Vec<f32> = MEANINGS.iter().map(times).collect();
    vector.push(0.2);
    vector.resize(vector.len() + empty_places, 0.0);
    vector
}
