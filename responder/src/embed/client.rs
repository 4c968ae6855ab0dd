//! An endpoint that speaks the embeddings of OpenAI.

use std::time::Duration;

use edge::Secret;
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use serde_json::json;

use crate::config::EmbeddingConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What PostgreSQL keeps in one `halfvec`.
const DIMENSIONS_MAX: usize = 16_000;

/// The endpoint. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<Secret>,
    model: String,
}

/// What a text is for: some models are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Question,
    Passage,
}

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbedError {
    #[error("the embedding model cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the embedding model answered {status}")]
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    #[error("the embedding model sent what are no vectors of the texts")]
    Malformed,
    #[error("the embedding model took too long")]
    Slow,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

impl EmbedError {
    /// Whether it is about the texts: the same request will be refused again.
    pub(crate) fn is_refusal(&self) -> bool {
        let refusals = [
            StatusCode::BAD_REQUEST,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ];
        matches!(self, Self::Status { status, .. } if refusals.contains(status))
    }

    /// How long the endpoint asks to be left alone.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Client {
    /// The configured endpoint, if there is one.
    pub(crate) fn new(config: &EmbeddingConfig) -> Result<Option<Self>, reqwest::Error> {
        let Some(base) = config.base_url() else {
            return Ok(None);
        };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()?;
        Ok(Some(Self {
            http,
            url: format!("{}/embeddings", base.trim_end_matches('/')),
            key: config.embedding_api_key.clone(),
            model: config.embedding_model.clone(),
        }))
    }

    /// The configured model.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// The vectors of `texts` by `model`, in their order, in at most `patience`.
    ///
    /// # Errors
    /// The endpoint is away, refuses, or answers with something else.
    pub(crate) async fn embed(
        &self,
        model: &str,
        purpose: Purpose,
        texts: &[String],
        patience: Duration,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<String> = texts.iter().map(|text| prefixed(model, purpose, text)).collect();
        // A text alone is a question to endpoints that give it precedence.
        let input = match (purpose, texts.as_slice()) {
            (Purpose::Question, [question]) => json!(question),
            (_, texts) => json!(texts),
        };
        let body = json!({ "model": model, "input": input, "encoding_format": "float" });
        let answer = tokio::time::timeout(patience, self.call(&body));
        let answer = answer.await.map_err(|_| EmbedError::Slow)??;
        in_order(answer, texts.len()).ok_or(EmbedError::Malformed)
    }

    async fn call(&self, body: &serde_json::Value) -> Result<Answer, EmbedError> {
        let mut request = self.http.post(&self.url).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        // The address may hold a key of its own.
        let unreachable = |error: reqwest::Error| EmbedError::Unreachable(error.without_url());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let seconds = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.trim().parse().ok());
            return Err(EmbedError::Status {
                status,
                retry_after: seconds.map(Duration::from_secs),
            });
        }
        let bytes = response.bytes().await.map_err(unreachable)?;
        serde_json::from_slice(&bytes).map_err(|_| EmbedError::Malformed)
    }
}

/// One vector for each of `count` texts, all of one length, of numbers.
fn in_order(answer: Answer, count: usize) -> Option<Vec<Vec<f32>>> {
    let mut vectors = answer.data;
    vectors.sort_by_key(|vector| vector.index);
    let dimensions = vectors.first()?.embedding.len();
    let fits = |(index, vector): (usize, &Vector)| {
        vector.index == index
            && vector.embedding.len() == dimensions
            && vector.embedding.iter().all(|value| value.is_finite())
    };
    let is_whole = vectors.len() == count && (1..=DIMENSIONS_MAX).contains(&dimensions);
    (is_whole && vectors.iter().enumerate().all(fits))
        .then(|| vectors.into_iter().map(|vector| vector.embedding).collect())
}

/// Models of the E5 family are told in the text what it is; nothing else wants to hear it.
fn prefixed(model: &str, purpose: Purpose, text: &str) -> String {
    let name = model.to_lowercase();
    let is_e5 = name
        .split(|char: char| !char.is_alphanumeric())
        .any(|part| part == "e5");
    match purpose {
        Purpose::Question if is_e5 => format!("query: {text}"),
        Purpose::Passage if is_e5 => format!("passage: {text}"),
        _ => text.to_owned(),
    }
}

/// A vector as PostgreSQL reads it.
pub(super) fn literal(vector: &[f32]) -> String {
    let mut text = String::with_capacity(vector.len() * 12);
    for value in vector {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&value.to_string());
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_the_e5_family_are_told_what_a_text_is() {
        let told = |model| prefixed(model, Purpose::Passage, "x");
        assert_eq!(told("intfloat/multilingual-e5-small"), "passage: x");
        assert_eq!(told("E5_large"), "passage: x");
        assert_eq!(told("all-minilm-l6-v2"), "x");
        assert_eq!(prefixed("e5", Purpose::Question, "x"), "query: x");
    }

    #[test]
    fn vectors_come_back_in_the_order_of_their_texts_or_not_at_all() {
        let vector = |index, embedding: &[f32]| Vector {
            index,
            embedding: embedding.to_vec(),
        };
        let read = |data, count| in_order(Answer { data }, count);
        let swapped = vec![vector(1, &[2.0]), vector(0, &[1.0])];
        assert_eq!(read(swapped, 2), Some(vec![vec![1.0], vec![2.0]]));
        assert_eq!(read(vec![vector(0, &[1.0])], 2), None, "one is missing");
        assert_eq!(
            read(vec![vector(0, &[1.0]), vector(0, &[1.0])], 2),
            None,
            "one is twice"
        );
        assert_eq!(read(vec![vector(0, &[1.0]), vector(1, &[1.0, 2.0])], 2), None);
        assert_eq!(read(vec![vector(0, &[f32::NAN])], 1), None);
        assert_eq!(read(vec![vector(0, &[])], 1), None);
    }

    #[test]
    fn a_vector_is_written_as_postgres_reads_it() {
        assert_eq!(literal(&[0.5, -1.0, 0.000_01]), "[0.5,-1,0.00001]");
    }
}
