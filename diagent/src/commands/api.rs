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
    pub(crate) fn has_token(&self) -> bool {
        self.given_token().is_some()
    }

    /// An empty one is none: scripts pass variables on that nobody has set.
    fn given_token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Command,
    Read,
}

/// An API said no; it reads as what was wrong, not as an exchange of messages.
#[derive(Debug, thiserror::Error)]
#[error("{explanation}")]
pub(crate) struct Refused {
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
        let token = match arguments.given_token() {
            Some(token) => token.to_owned(),
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
            status,
            explanation: explanation(path, status, &body),
        }))
    }

    /// Where what was written stands in the log.
    pub(crate) fn position(answer: &Response) -> Option<Position> {
        answer.headers().get(POSITION)?.to_str().ok()?.parse().ok()
    }
}

/// What is wrong, field by field where it is said like that.
fn explanation(path: &str, status: StatusCode, body: &Value) -> String {
    let error = &body["error"];
    let fields = error["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = match error["message"].as_str() {
        _ if !fields.is_empty() => format!("{} is not valid:", subject(path)),
        Some(message) => message.to_owned(),
        None => format!("{path} answered {status} without an explanation"),
    };
    for field in fields {
        let part = |key: &str| field[key].as_str().unwrap_or_default();
        text.push_str(&format!("\n  {}: {}", part("field"), part("message")).replace('\0', ""));
    }
    text
}

/// What was sent to `path`.
fn subject(path: &str) -> &'static str {
    let mut segments = path.split('/');
    match (segments.next(), segments.nth(1)) {
        (Some("agents"), None | Some("check")) => "The agent",
        (Some("agents"), Some("documents")) => "The page",
        (Some("workspaces"), None) => "The workspace",
        _ => "The request",
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_token_is_none() {
        let arguments = |token: &str| ApiArgs {
            command_api_url: String::new(),
            read_api_url: String::new(),
            token: Some(token.to_owned()),
        };
        assert!(arguments("eyJ").has_token());
        assert!(!arguments("").has_token());
    }

    #[test]
    fn a_refusal_is_told_for_people() {
        let fields = json!([{ "field": "name", "message": "must not be blank" }]);
        let invalid = json!({ "error": { "code": "validation_failed", "message": "Some fields are not valid.", "fields": fields } });
        let unknown = json!({ "error": { "code": "agent_not_found", "message": "There is no such agent." } });
        let table = [
            (
                "agents/1/check",
                &invalid,
                "The agent is not valid:\n  name: must not be blank",
            ),
            (
                "agents/1",
                &invalid,
                "The agent is not valid:\n  name: must not be blank",
            ),
            (
                "agents/1/documents",
                &invalid,
                "The page is not valid:\n  name: must not be blank",
            ),
            (
                "workspaces/1",
                &invalid,
                "The workspace is not valid:\n  name: must not be blank",
            ),
            (
                "events",
                &invalid,
                "The request is not valid:\n  name: must not be blank",
            ),
            ("agents/1", &unknown, "There is no such agent."),
            (
                "agents/1",
                &Value::Null,
                "agents/1 answered 502 Bad Gateway without an explanation",
            ),
        ];
        for (path, body, expected) in table {
            assert_eq!(explanation(path, StatusCode::BAD_GATEWAY, body), expected);
        }
    }
}
