//! A person or program of a site's team: defines, takes over, reads.

use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, Parameters, Stack, http, jwt, send, until};

/// Somebody with an operator's token.
#[derive(Clone)]
pub(crate) struct Operator {
    client: Client,
    token: String,
    command_api: String,
    read_api: String,
}

impl Operator {
    /// `workspace_id` may be `*`; `scope` is a list as in `read write`.
    pub(crate) fn new(stack: &Arc<Stack>, sub: &str, workspace_id: &str, scope: &str) -> Self {
        Self {
            client: http::client(),
            token: jwt::operator(sub, workspace_id, scope),
            command_api: stack.command_api().to_owned(),
            read_api: stack.read_api().to_owned(),
        }
    }

    /// The same person at another instance of the command API.
    pub(crate) fn at(mut self, command_api: &str) -> Self {
        command_api.clone_into(&mut self.command_api);
        self
    }

    /// The same person at another instance of the read API.
    pub(crate) fn at_reader(mut self, read_api: &str) -> Self {
        read_api.clone_into(&mut self.read_api);
        self
    }

    /// The same person with another token.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// A request to the command API.
    pub(crate) fn command(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.command_api);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// A request to the read API.
    pub(crate) fn query(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.read_api))
            .bearer_auth(&self.token)
    }

    /// Puts a definition or a page.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.command(Method::PUT, path).json(body)).await
    }

    /// Acts on a conversation: `claim`, `reply`, `release`, `close`.
    pub(crate) async fn act(&self, conversation_id: &str, action: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/conversations/{conversation_id}/{action}");
        let request = self.command(Method::POST, &path);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Reads a read model, of any age.
    pub(crate) async fn read(&self, path: &str) -> Answer {
        send(self.query(path)).await
    }

    /// Reads a read model that has seen `position`, however busy this machine is.
    pub(crate) async fn read_at(&self, path: &str, position: &str) -> Answer {
        until("the read model has seen it", async || {
            let answer = self.read_once_at(path, position).await;
            if answer.status == 503 {
                Err(answer.to_string())
            } else {
                Ok(answer)
            }
        })
        .await
    }

    /// The same, without coming back when it takes too long.
    pub(crate) async fn read_once_at(&self, path: &str, position: &str) -> Answer {
        send(self.query(path).query(&[("min_position", position)])).await
    }
}
