//! A language model that speaks the chat completions of OpenAI, streamed.
//!
//! The model is not trusted to behave: it may stall, break off, send nonsense or too much. Before the first token one retry
//! is made; dropping the stream cancels the call.

use std::time::Duration;

use edge::Secret;
use events::conversation::TokenUsage;
use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use serde_json::json;

use super::{Piece, sse::Decoder};
use crate::{config::ModelConfig, prompt, turn::Question};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// Between two pieces of an answer that has begun.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);

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
    #[error("the model sent what is no chunk")]
    Malformed(#[source] serde_json::Error),
    #[error("the model sent a line without end")]
    EndlessLine,
    #[error("the model reported an error")]
    Reported,
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

/// The fields of a chunk that matter; all others are ignored, all of these may be missing.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Model {
    /// The configured model, if there is one.
    pub(super) fn new(config: &ModelConfig) -> Result<Option<Self>, reqwest::Error> {
        let Some(base) = config.llm_base_url.as_deref().filter(|base| !base.is_empty()) else {
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
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The model's answer, piece by piece.
    pub(super) fn say(&self, question: &Question<'_>) -> BoxStream<'static, Result<Piece, ModelError>> {
        let body = json!({
            "model": self.name,
            "stream": true,
            "stream_options": { "include_usage": true },
            "max_tokens": ANSWER_TOKENS_MAX,
            "temperature": 0.2,
            "messages": prompt::messages(question),
        });
        let model = self.clone();
        async_stream::stream! {
            for is_last_try in [false, true] {
                let mut is_speaking = false;
                let mut wait = None;
                let mut pieces = std::pin::pin!(model.attempt(body.clone()));
                while let Some(piece) = pieces.next().await {
                    match piece {
                        Err(error) if !is_speaking && !is_last_try => {
                            wait = error.retry_after();
                            if wait.is_none() {
                                yield Err(error);
                                return;
                            }
                            tracing::info!(error = &error as &dyn std::error::Error, "the model is asked once more");
                            break;
                        }
                        piece => {
                            is_speaking |= matches!(piece, Ok(Piece::Token(_)));
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

    /// One call. An answer that does not say how it ended was cut off.
    fn attempt(&self, body: serde_json::Value) -> impl futures::Stream<Item = Result<Piece, ModelError>> + use<> {
        let model = self.clone();
        async_stream::try_stream! {
            let response = tokio::time::timeout(FIRST_TOKEN_TIMEOUT, model.call(&body)).await;
            let mut bytes = response.map_err(|_| ModelError::Stalled)??.bytes_stream();
            let mut decoder = Decoder::default();
            let mut patience = FIRST_TOKEN_TIMEOUT;
            let mut is_finished = false;
            'answer: loop {
                let next = tokio::time::timeout(patience, bytes.next()).await.map_err(|_| ModelError::Stalled)?;
                let Some(next) = next else { break };
                for data in decoder.push(&next.map_err(ModelError::BrokenOff)?).map_err(|_| ModelError::EndlessLine)? {
                    if data == "[DONE]" {
                        is_finished = true;
                        break 'answer;
                    }
                    let chunk: Chunk = serde_json::from_str(&data).map_err(ModelError::Malformed)?;
                    if chunk.error.is_some() {
                        Err(ModelError::Reported)?;
                    }
                    if let Some(Usage { prompt_tokens, completion_tokens }) = chunk.usage {
                        yield Piece::Usage(TokenUsage { prompt_tokens, completion_tokens });
                    }
                    for Choice { delta, finish_reason } in chunk.choices {
                        if let Some(token) = delta.and_then(|delta| delta.content).filter(|token| !token.is_empty()) {
                            patience = STALL_TIMEOUT;
                            yield Piece::Token(token);
                        }
                        is_finished |= finish_reason.is_some();
                        if finish_reason.as_deref() == Some("length") {
                            yield Piece::Length;
                        }
                    }
                }
            }
            if !is_finished {
                Err(ModelError::Truncated)?;
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
