//! A visitor's browser: the widget's calls, with the token that init gave and from the site that it was on.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Sse, Transcript, http, send, until};

/// A visitor in a conversation.
#[derive(Clone)]
#[expect(clippy::struct_field_names, reason = "the contract calls it so")]
pub(crate) struct Visitor {
    client: Client,
    base: String,
    pub(crate) origin: String,
    pub(crate) token: String,
    pub(crate) visitor_id: String,
    pub(crate) conversation_id: String,
    pub(crate) anonymous_id: String,
    /// What init answered.
    pub(crate) welcome: Value,
    /// Where init stands in the log.
    pub(crate) position: String,
}

impl Visitor {
    /// The visitor whom `init` let in.
    pub(crate) fn new(command_api: &str, origin: &str, init: &Answer) -> Self {
        let welcome = init.data(200);
        let text = |name: &str| welcome[name].as_str().expect("a text").to_owned();
        Self {
            client: http::client(),
            base: format!("{command_api}/api/v1/widget"),
            origin: origin.to_owned(),
            token: text("jwt"),
            visitor_id: text("visitor_id"),
            conversation_id: text("conversation_id"),
            anonymous_id: text("anonymous_id"),
            position: init.position(),
            welcome,
        }
    }

    /// The same visitor at another instance.
    pub(crate) fn at(&self, command_api: &str) -> Self {
        Self {
            base: format!("{command_api}/api/v1/widget"),
            ..self.clone()
        }
    }

    /// The instance that the visitor is at.
    pub(crate) fn command_api(&self) -> &str {
        self.base.strip_suffix("/api/v1/widget").expect("a base address")
    }

    /// The same visitor with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// A request with token and origin; `path` begins behind `/api/v1/widget`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path)
            .bearer_auth(&self.token)
            .header("Origin", &self.origin)
    }

    /// A request that says nothing of who asks.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends nothing.
    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    /// Waits until what the visitor does is taken again.
    pub(crate) async fn can_write(&self) {
        until("writes are taken again", async || {
            let answer = self.post("/events", &json!({ "event": "after" })).await;
            if answer.status == 202 {
                Ok(())
            } else {
                Err(answer.to_string())
            }
        })
        .await;
    }

    /// Asks to be forgotten.
    pub(crate) async fn erase(&self) -> Answer {
        send(self.request(Method::DELETE, "/me")).await
    }

    /// Writes, and opens the stream of the answer.
    pub(crate) async fn stream_message(&self, text: &str, client_message_id: &str) -> Sse {
        self.try_stream(text, Some(client_message_id))
            .await
            .unwrap_or_else(|answer| unreachable!("{answer}"))
    }

    /// The same, when it may be refused.
    pub(crate) async fn try_stream(&self, text: &str, client_message_id: Option<&str>) -> Result<Sse, Box<Answer>> {
        let mut body = json!({ "message": text });
        if let Some(name) = client_message_id {
            body["client_message_id"] = json!(name);
        }
        self.stream_body(&body).await
    }

    /// The same, with any body.
    pub(crate) async fn stream_body(&self, body: &Value) -> Result<Sse, Box<Answer>> {
        Sse::open(self.request(Method::POST, "/messages/stream").json(body)).await
    }

    /// Writes, and reads the answer to its end.
    pub(crate) async fn ask(&self, text: &str) -> Transcript {
        let stream = self
            .try_stream(text, None)
            .await
            .unwrap_or_else(|answer| unreachable!("{answer}"));
        stream.to_end().await
    }

    /// Goes on with an answer after the line `after`.
    pub(crate) async fn resume(&self, message_id: &str, after: Option<u32>) -> Sse {
        let stream = Sse::open(self.resume_request(message_id, after)).await;
        stream.unwrap_or_else(|answer| unreachable!("{answer}"))
    }

    /// The request for it.
    pub(crate) fn resume_request(&self, message_id: &str, after: Option<u32>) -> RequestBuilder {
        let request = self.request(Method::GET, &format!("/messages/{message_id}/stream"));
        match after {
            Some(after) => request.header("Last-Event-ID", after),
            None => request,
        }
    }

    /// The messages that the visitor sees.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let page = self.get("/conversation/messages").await.data(200);
        page["messages"].as_array().expect("messages").clone()
    }

    /// Role and text of each message that the visitor sees.
    pub(crate) async fn history(&self) -> Vec<(String, String)> {
        let text = |message: &Value, name: &str| message[name].as_str().expect("a text").to_owned();
        let messages = self.messages().await;
        messages
            .iter()
            .map(|message| (text(message, "role"), text(message, "content")))
            .collect()
    }
}
