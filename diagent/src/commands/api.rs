//! The two APIs, for commands: an address, a token, and errors that say what to do.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use edge::{
    envelope::POSITION,
    operator::{Operator, OperatorKey, Scope, ScopeName},
};
use embedded::DataDir;
use events::{Clock, Position};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::{infra::InfraArgs, up::OPERATOR_SECRET};

const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// How to reach an API.
#[derive(Debug, Clone, clap::Args)]
pub struct ApiArgs {
    /// The command API
    #[arg(long, env = "COMMAND_API_URL", default_value = "http://127.0.0.1:8080")]
    command_api_url: String,

    /// The read API
    #[arg(long, env = "READ_API_URL", default_value = "http://127.0.0.1:8081")]
    read_api_url: String,

    /// An operator's token; without it, one is minted with the secret of `diagent up` in the data folder
    #[arg(long, env = "DIAGENT_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl ApiArgs {
    /// Whether a token was given.
    pub(crate) const fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Command,
    Read,
}

/// An API said no.
#[derive(Debug, thiserror::Error)]
#[error("{path} answered {status}: {explanation}")]
pub(crate) struct Refused {
    path: String,
    pub(crate) status: StatusCode,
    explanation: String,
}

impl Refused {
    /// Whether a field was refused with these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.explanation.contains(words)
    }
}

/// A client with a token.
pub(crate) struct Api {
    client: reqwest::Client,
    arguments: ApiArgs,
    token: String,
}

impl Api {
    pub(crate) fn new(arguments: ApiArgs, infra: &InfraArgs) -> anyhow::Result<Self> {
        let token = match &arguments.token {
            Some(token) => token.clone(),
            None => mint(&infra.data_dir)?,
        };
        Ok(Self {
            client: reqwest::Client::builder().build()?,
            arguments,
            token,
        })
    }

    /// Calls, and answers with the response when it is a success.
    pub(crate) async fn call(
        &self,
        (side, method): (Side, Method),
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<Response> {
        let base = match side {
            Side::Command => &self.arguments.command_api_url,
            Side::Read => &self.arguments.read_api_url,
        };
        let mut url = url::Url::parse(&format!("{}/api/v1/{path}", base.trim_end_matches('/')))
            .with_context(|| format!("{base} is no address"))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("{base} cannot be reached; is `diagent up` running?"))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        Err(anyhow::Error::new(Refused {
            path: path.to_owned(),
            status,
            explanation: explanation(&body),
        }))
    }

    /// Where what was written stands in the log.
    pub(crate) fn position(answer: &Response) -> Option<Position> {
        answer.headers().get(POSITION)?.to_str().ok()?.parse().ok()
    }
}

/// The sentence of an error, and the fields that are wrong.
fn explanation(body: &Value) -> String {
    let error = &body["error"];
    let mut text = error["message"].as_str().unwrap_or("no explanation").to_owned();
    for field in error["fields"].as_array().into_iter().flatten() {
        let part = |key: &str| field[key].as_str().unwrap_or_default();
        text.push_str(&format!("\n  {}: {}", part("field"), part("message")).replace('\0', ""));
    }
    text
}

fn mint(data_dir: &std::path::Path) -> anyhow::Result<String> {
    let secret = DataDir::existing_secret(data_dir, OPERATOR_SECRET)
        .context("there is no token; give one with --token or DIAGENT_TOKEN")?;
    let operator = Operator {
        sub: "diagent".to_owned(),
        name: None,
        workspace: Scope::All,
        scopes: BTreeSet::from([ScopeName::Read, ScopeName::Write, ScopeName::Admin]),
    };
    Ok(OperatorKey::new(&secret)?.mint(&operator, Clock::default().now(), TOKEN_LIFETIME)?)
}
