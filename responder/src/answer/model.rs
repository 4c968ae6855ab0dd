//! A language model that speaks the chat completions of OpenAI, streamed.
//!
//! The model is not trusted to behave: it may stall, break off, send nonsense or too much. Before the first token one retry
//! is made; dropping the stream cancels the call.

use std::time::Duration;

use edge::Secret;
use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::{
    Piece,
    breaker::Breaker,
    chunks::{Chunks, Progress},
};
use crate::{config::ModelConfig, prompt::ChatMessage};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After the last word the count of tokens is waited for this long.
const USAGE_PATIENCE: Duration = Duration::from_secs(1);

/// A busy model is waited for at most this long; the visitor is waiting too.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

const ANSWER_TOKENS_MAX: u32 = 800;

/// The model and how to reach it.
#[derive(Clone)]
pub(super) struct Model {
    client: Client,
    url: String,
    key: Option<Secret>,
    name: String,
    first_token_patience: Duration,
    stall_patience: Duration,
    breaker: Breaker,
}

/// What a model did instead of answering.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    #[error("the model cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the model answered {status}")]
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    #[error("the model said nothing for too long")]
    Stalled,
    #[error("the model's answer broke off")]
    BrokenOff(#[source] reqwest::Error),
    #[error("the model's answer ended without saying so")]
    Truncated,
    #[error("the model sent what is no chunk (column {column})")]
    Malformed { column: usize },
    #[error("the model sent a line without end")]
    EndlessLine,
    /// Its own name of the error; what it says beside may quote the question.
    #[error("the model reported an error ({code})")]
    Reported { code: String },
    #[error("the model ended its answer without a word")]
    Empty,
}

impl ModelError {
    /// How long to wait before a second try; none when there is no point.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { status, retry_after }
                if *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() =>
            {
                Some(retry_after.unwrap_or(RETRY_PAUSE)).filter(|wait| *wait <= RETRY_AFTER_MAX)
            }
            Self::Status { .. } | Self::Stalled => None,
            _ => Some(RETRY_PAUSE),
        }
    }
}

impl Model {
    /// Whether it may be asked now: one that failed again and again is left alone for a while.
    pub(super) fn is_up(&self) -> bool {
        self.breaker.admits()
    }

    /// The configured model, if there is one.
    pub(super) fn new(config: &ModelConfig) -> Result<Option<Self>, reqwest::Error> {
        let Some(base) = config.base_url() else {
            return Ok(None);
        };
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()?;
        Ok(Some(Self {
            client,
            url: format!("{}/chat/completions", base.trim_end_matches('/')),
            key: config.llm_api_key.clone(),
            name: config.llm_model.clone(),
            first_token_patience: Duration::from_secs(config.llm_first_token_seconds),
            stall_patience: Duration::from_secs(config.llm_stall_seconds),
            breaker: Breaker::after(config.llm_failures_max),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The model's answer to `messages`, piece by piece.
    pub(super) fn say(&self, messages: &[ChatMessage]) -> BoxStream<'static, Result<Piece, ModelError>> {
        let body = json!({
            "model": self.name,
            "stream": true,
            "stream_options": { "include_usage": true },
            "max_tokens": ANSWER_TOKENS_MAX,
            "temperature": 0.2,
            "messages": messages,
        });
        let model = self.clone();
        async_stream::stream! {
            let first_token_by = Instant::now() + model.first_token_patience;
            for is_last_try in [false, true] {
                let mut is_speaking = false;
                let mut wait = None;
                let mut pieces = std::pin::pin!(model.attempt(body.clone(), first_token_by));
                while let Some(piece) = pieces.next().await {
                    match piece {
                        Err(error) if !is_speaking && !is_last_try => {
                            wait = error.retry_after().filter(|wait| Instant::now() + *wait < first_token_by);
                            if wait.is_none() {
                                model.failed(&error);
                                yield Err(error);
                                return;
                            }
                            tracing::info!(error = &error as &dyn std::error::Error, "the model is asked once more");
                            break;
                        }
                        piece => {
                            match &piece {
                                Ok(Piece::Token(_)) if !is_speaking => {
                                    is_speaking = true;
                                    model.breaker.succeeded();
                                }
                                Err(error) if !is_speaking => model.failed(error),
                                _ => {}
                            }
                            yield piece;
                        }
                    }
                }
                let Some(wait) = wait else { return };
                tokio::time::sleep(wait).await;
            }
        }
        .boxed()
    }

    /// Notes an answer without a word. What a question was refused for says nothing of the model.
    fn failed(&self, error: &ModelError) {
        match error {
            ModelError::Status { status, retry_after } if *status == StatusCode::TOO_MANY_REQUESTS => {
                self.breaker.failed(*retry_after);
            }
            ModelError::Status { status, .. } if status.is_client_error() => {}
            _ => self.breaker.failed(None),
        }
    }

    /// One call. Only text counts as a sign of life, and an answer that does not say how it ended was cut off.
    fn attempt(
        &self,
        body: serde_json::Value,
        first_token_by: Instant,
    ) -> impl futures::Stream<Item = Result<Piece, ModelError>> + use<> {
        let model = self.clone();
        async_stream::try_stream! {
            let response = timeout_at(first_token_by, model.call(&body)).await;
            let mut bytes = response.map_err(|_| ModelError::Stalled)??.bytes_stream();
            let mut chunks = Chunks::default();
            let mut next_by = first_token_by;
            while chunks.progress() != Progress::Over {
                let next = match timeout_at(next_by, bytes.next()).await {
                    Ok(Some(Ok(next))) => next,
                    // The text is complete: that the connection ends badly takes nothing from it.
                    _ if chunks.progress() == Progress::Said => break,
                    Ok(Some(Err(error))) => Err(ModelError::BrokenOff(error.without_url()))?,
                    Ok(None) => Err(ModelError::Truncated)?,
                    Err(_) => Err(ModelError::Stalled)?,
                };
                let progress = chunks.progress();
                for piece in chunks.push(&next)? {
                    if matches!(piece, Piece::Token(_)) {
                        next_by = Instant::now() + model.stall_patience;
                    }
                    yield piece;
                }
                if progress == Progress::Saying && chunks.progress() == Progress::Said {
                    next_by = Instant::now() + USAGE_PATIENCE;
                }
            }
            if !chunks.has_spoken() {
                Err(ModelError::Empty)?;
            }
        }
    }

    async fn call(&self, body: &serde_json::Value) -> Result<Response, ModelError> {
        let mut request = self.client.post(&self.url).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        // The address may hold a key of its own.
        let response = request
            .send()
            .await
            .map_err(|error| ModelError::Unreachable(error.without_url()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let seconds = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(ModelError::Status {
            status,
            retry_after: seconds.map(Duration::from_secs),
        })
    }
}
