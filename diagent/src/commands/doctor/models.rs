//! Whether the configured models do what answers need of them: each is asked for the least that there is.

use std::time::Duration;

use anyhow::{Context as _, bail};
use edge::Secret;
use reqwest::StatusCode;
use responder::config::{EmbeddingConfig, ModelConfig};
use serde_json::{Value, json};

use super::{Finding, PATIENCE};

/// An endpoint, and the prefix of the variables that describe it.
struct Endpoint<'a> {
    variables: &'static str,
    base_url: &'a str,
    key: Option<&'a Secret>,
    patience: Duration,
}

/// One token of an answer.
pub(super) async fn language(config: &ModelConfig) -> Finding {
    let Some(base_url) = config.base_url() else {
        return Ok("none: answers are sentences of the agent's pages; LLM_BASE_URL names one".to_owned());
    };
    let endpoint = Endpoint {
        variables: "LLM",
        base_url,
        key: config.llm_api_key.as_ref(),
        patience: Duration::from_secs(config.llm_first_token_seconds),
    };
    let question = json!({
        "model": config.llm_model, "max_tokens": 1, "messages": [{ "role": "user", "content": "Hello" }],
    });
    let answer = endpoint.ask("chat/completions", &question).await?;
    answer
        .pointer("/choices/0/message")
        .with_context(|| format!("what {base_url} answers is no chat completion; see LLM_BASE_URL"))?;
    Ok(format!("{} at {base_url} answers", config.llm_model))
}

/// The vector of one word.
pub(super) async fn embedding(config: &EmbeddingConfig) -> Finding {
    if config.is_unset() {
        return Ok("`up` runs its own".to_owned());
    }
    let Some(base_url) = config.base_url() else {
        return Ok("none: passages are found by their words alone".to_owned());
    };
    let endpoint = Endpoint {
        variables: "EMBEDDING",
        base_url,
        key: config.embedding_api_key.as_ref(),
        patience: PATIENCE,
    };
    let question = json!({ "model": config.embedding_model, "input": ["Hello"] });
    let answer = endpoint.ask("embeddings", &question).await?;
    let dimensions = answer
        .pointer("/data/0/embedding")
        .and_then(Value::as_array)
        .with_context(|| format!("what {base_url} answers is no vector; see EMBEDDING_BASE_URL"))?
        .len();
    Ok(format!(
        "{} at {base_url} answers, {dimensions} dimensions",
        config.embedding_model
    ))
}

impl Endpoint<'_> {
    async fn ask(&self, path: &str, question: &Value) -> anyhow::Result<Value> {
        let Self {
            variables, base_url, ..
        } = self;
        let client = reqwest::Client::builder().timeout(self.patience).build()?;
        let mut request = client
            .post(format!("{}/{path}", base_url.trim_end_matches('/')))
            .json(question);
        if let Some(key) = self.key {
            request = request.bearer_auth(key.expose());
        }
        // The cause names the address once more.
        let response = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{base_url} does not answer; see {variables}_BASE_URL"))?;
        let see = match response.status() {
            status if status.is_success() => {
                let answer = response.json().await.map_err(reqwest::Error::without_url);
                return answer.with_context(|| format!("{base_url} answers with no JSON; see {variables}_BASE_URL"));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "API_KEY",
            StatusCode::NOT_FOUND => "BASE_URL and _MODEL",
            _ => "MODEL",
        };
        bail!("{base_url} answers {}; see {variables}_{see}", response.status())
    }
}
