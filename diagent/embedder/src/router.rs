//! `POST /v1/embeddings` as OpenAI has it, for one model.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    thread,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use edge::extract::Json;
use serde::{Deserialize, Serialize};

use crate::{LoadError, MODEL_NAME, Model, lane::Lane};

/// Texts of one request.
const TEXTS_MAX: usize = 128;
const BODY_BYTES_MAX: usize = 2 << 20;

/// Questions that are embedded at the same time; further ones wait.
const QUESTIONS_MAX: usize = 2;

/// How much everything else on the machine goes before passages.
const NICENESS: i32 = 10;

/// The model, once it is there. Cheap to clone.
#[derive(Clone)]
pub struct Embedder {
    model: Arc<OnceLock<Model>>,
    questions: Lane,
    passages: Lane,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
struct Request {
    model: String,
    input: Input,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Serialize)]
struct Embeddings {
    object: &'static str,
    model: &'static str,
    data: Vec<Embedding>,
}

#[derive(Debug, Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    #[serde(rename = "embedding")]
    vector: Vec<f32>,
}

#[derive(Debug, Serialize)]
struct Refusal {
    error: Message,
}

#[derive(Debug, Serialize)]
struct Message {
    message: &'static str,
}

/// There is no vector now.
struct Unavailable;

impl Embedder {
    /// Without its model: requests are told to come back.
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            model: Arc::default(),
            questions: Lane::new(QUESTIONS_MAX, || {}),
            passages: Lane::new(cores, give_way),
        }
    }

    /// Reads the model from `file`; from then on requests are answered. Blocks for a moment.
    ///
    /// # Errors
    /// The file is missing, or of another model.
    pub fn load(&self, file: &Path) -> Result<(), LoadError> {
        let model = Model::load(file)?;
        self.model.get_or_init(|| model);
        Ok(())
    }

    /// A question comes alone, and does not wait for passages.
    async fn embed(&self, input: Input) -> Result<Vec<Vec<f32>>, Unavailable> {
        let (texts, lane) = match input {
            Input::One(text) => (vec![text], &self.questions),
            Input::Many(texts) => (texts, &self.passages),
        };
        let mut running = Vec::with_capacity(texts.len());
        for text in texts {
            let place = lane.place().await.ok_or(Unavailable)?;
            let model = Arc::clone(&self.model);
            running.push(tokio::task::spawn_blocking(move || {
                model.get().map(|model| model.embed(&text, &place.threads))
            }));
        }
        let mut vectors = Vec::with_capacity(running.len());
        for embedded in running {
            let failed: Box<dyn std::error::Error> = match embedded.await {
                Ok(Some(Ok(vector))) => {
                    vectors.push(vector);
                    continue;
                }
                Ok(None) => return Err(Unavailable),
                Ok(Some(Err(error))) => error.into(),
                Err(error) => error.into(),
            };
            tracing::error!(error = &*failed, "a text cannot be embedded");
            return Err(Unavailable);
        }
        Ok(vectors)
    }
}

impl Default for Embedder {
    fn default() -> Self {
        Self::new()
    }
}

/// The interface.
pub fn router(embedder: Embedder) -> Router {
    Router::new()
        .route("/v1/embeddings", post(embeddings))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(embedder)
}

async fn embeddings(State(embedder): State<Embedder>, Json(request): Json<Request>) -> Response {
    if embedder.model.get().is_none() {
        return unavailable();
    }
    if request.model != MODEL_NAME {
        return refused(StatusCode::NOT_FOUND, "There is no such model here.");
    }
    if matches!(&request.input, Input::Many(texts) if texts.is_empty() || texts.len() > TEXTS_MAX) {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "The input must be 1 to 128 texts.");
    }
    match embedder.embed(request.input).await {
        Ok(vectors) => answer(vectors),
        Err(Unavailable) => unavailable(),
    }
}

fn answer(vectors: Vec<Vec<f32>>) -> Response {
    let data = vectors.into_iter().enumerate().map(|(index, vector)| Embedding {
        object: "embedding",
        index,
        vector,
    });
    let embeddings = Embeddings {
        object: "list",
        model: MODEL_NAME,
        data: data.collect(),
    };
    json(StatusCode::OK, &embeddings)
}

/// The model is still being fetched or read, or it failed.
fn unavailable() -> Response {
    let response = refused(StatusCode::SERVICE_UNAVAILABLE, "The model is not ready.");
    ([(RETRY_AFTER, "1")], response).into_response()
}

fn refused(status: StatusCode, message: &'static str) -> Response {
    let error = Message { message };
    json(status, &Refusal { error })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// For the calling thread alone, on Linux; elsewhere it would be for the whole process.
fn give_way() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::setpriority_process(None, NICENESS)
    {
        tracing::debug!(%error, "passages are embedded with the priority of everything else");
    }
}
