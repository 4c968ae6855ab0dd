//! One visitor's stay, over HTTP alone. Who gets no answer, or a 503, asks again at the other instance.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::visitors::{Acknowledged, Door, Visitor};
use crate::{
    apart::ORIGIN,
    support::{PATIENCE, client},
};

/// What somebody comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Ask,
    /// To ask so much that there is a snapshot of the conversation.
    Talk,
    /// To do that, and to be forgotten in the middle of an answer.
    BeForgotten,
}

impl Wish {
    const fn questions(self) -> usize {
        match self {
            Self::Ask => 2,
            Self::Talk | Self::BeForgotten => 4,
        }
    }
}

/// How many events each request of telemetry has: one by itself, several as an array.
const CLICKS: [usize; 5] = [1, 4, 1, 4, 1];

/// Arrives, asks, clicks, leaves an address, and perhaps wants to be forgotten.
pub(super) async fn stay(door: &Door, name: &str, wish: Wish) -> Acknowledged {
    let mut guest = Guest::arrive(door, name).await;
    for number in 0..wish.questions() {
        guest.ask(number).await;
    }
    for (number, events) in CLICKS.into_iter().enumerate() {
        guest.click(number, events).await;
    }
    guest.leave_address().await;
    if wish == Wish::BeForgotten {
        guest.be_forgotten().await;
    }
    guest.acknowledged
}

struct Guest<'a> {
    door: &'a Door,
    name: &'a str,
    token: String,
    requests: usize,
    acknowledged: Acknowledged,
}

/// What is shown of an answer.
struct Shown {
    message_id: String,
    last_id: String,
    text: String,
}

enum End {
    Done,
    Error,
    /// The connection went away.
    Cut,
}

impl<'a> Guest<'a> {
    async fn arrive(door: &'a Door, name: &'a str) -> Self {
        let mut guest = Self {
            door,
            name,
            token: String::new(),
            requests: 0,
            acknowledged: Acknowledged {
                questions: vec![Vec::new()],
                ..Acknowledged::default()
            },
        };
        let body = json!({ "agent_id": door.agent_id });
        let answer = loop {
            // An answer that breaks off is none.
            if let Ok(answer) = guest
                .insist(Method::POST, "/init", Some(&body))
                .await
                .0
                .json::<Value>()
                .await
            {
                break answer;
            }
        };
        let text = |name: &str| answer["data"][name].as_str().expect(name).to_owned();
        guest.token = text("jwt");
        guest.acknowledged.visitors.push(Visitor {
            id: text("visitor_id"),
            agent: door.agent_id,
            conversation: text("conversation_id"),
        });
        guest
    }

    /// Sends until there is an answer that says something; also answers whether it was sent more than once.
    async fn insist(&mut self, method: Method, path: &str, body: Option<&Value>) -> (Response, bool) {
        let mut is_repeated = false;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.send(method.clone(), path, body, None).await;
            match answer {
                Ok(answer) if !is_busy(&answer) => return (answer, is_repeated),
                other => assert!(Instant::now() < deadline, "{}: {path}: {other:?}", self.name),
            }
            is_repeated = true;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends once, to one instance after the other.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        last_id: Option<&str>,
    ) -> reqwest::Result<Response> {
        self.requests += 1;
        let instance = &self.door.command_apis[self.requests % 2];
        let mut request = client()
            .request(method, format!("http://{instance}/api/v1/widget{path}"))
            .header("Origin", ORIGIN);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(last_id) = last_id {
            request = request.header("Last-Event-ID", last_id);
        }
        request.send().await
    }

    async fn ask(&mut self, number: usize) {
        let id = format!("{}-{number}", self.name);
        let body = json!({ "message": format!("Question {id}?"), "client_message_id": id });
        let (answer, _) = self.insist(Method::POST, "/messages/stream", Some(&body)).await;
        assert_eq!(answer.status(), 200, "{id}");
        let message_id = answer.headers()["diagent-message-id"]
            .to_str()
            .expect("a text")
            .to_owned();
        self.acknowledged.questions[0].push(id);
        let mut shown = Shown {
            message_id,
            last_id: String::new(),
            text: String::new(),
        };
        let mut end = shown.read(answer).await;
        let deadline = Instant::now() + PATIENCE;
        while let End::Cut = end {
            assert!(Instant::now() < deadline, "{} is not finished", shown.message_id);
            let path = format!("/messages/{}/stream", shown.message_id);
            match self.send(Method::GET, &path, None, Some(&shown.last_id)).await {
                Ok(answer) if answer.status() == 200 => end = shown.read(answer).await,
                Ok(answer) => assert_eq!(answer.status(), 503, "{path}"),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let End::Done = end {
            self.acknowledged.answers.push((shown.message_id, shown.text));
        }
    }

    /// Reports so many events in one request.
    async fn click(&mut self, number: usize, events: usize) {
        let click = |request: &str, index| format!("{request}-{index}");
        let report = |request: &str, index| {
            let metadata = json!({ "click": click(request, index), "request": request, "events": events });
            json!({ "event": "cta.click", "metadata": metadata })
        };
        let body = |request: &str| match events {
            1 => report(request, 0),
            several => (0..several).map(|index| report(request, index)).collect(),
        };
        let request = self.submit("/events", &format!("{}-{number}", self.name), body).await;
        let clicks = (0..events).map(|index| click(&request, index));
        self.acknowledged.clicks.extend(clicks);
    }

    async fn leave_address(&mut self) {
        let email = format!("visitor-{}@example.com", self.name);
        let body = |name: &str| json!({ "name": name, "email": email });
        let name = self.submit("/leads", self.name, body).await;
        self.acknowledged.leads.push(name);
    }

    /// Sends until it is acknowledged, each time under another name, and answers with the name that was: what is sent here has no
    /// id by which a repeat is known.
    async fn submit(&mut self, path: &str, name: &str, body: impl Fn(&str) -> Value) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut attempt = 0;
        loop {
            let name = format!("{name}-{attempt}");
            match self.send(Method::POST, path, Some(&body(&name)), None).await {
                Ok(answer) if answer.status().is_success() => return name,
                Ok(answer) => assert_eq!(answer.status(), 503, "{path}: {name}"),
                Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{path}: {name} is not stored");
            attempt += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn be_forgotten(&mut self) {
        let id = format!("{}-last", self.name);
        let body = json!({ "message": format!("Question {id}?"), "client_message_id": id });
        let (unread, _) = self.insist(Method::POST, "/messages/stream", Some(&body)).await;
        assert_eq!(unread.status(), 200, "{id}");
        let (answer, is_repeated) = self.insist(Method::DELETE, "/me", None).await;
        // The token is dead once it is done: who asks again is nobody.
        let is_done = answer.status().is_success() || (is_repeated && answer.status() == 401);
        assert!(is_done, "{}: {}", self.name, answer.status());
        let visitors = std::mem::take(&mut self.acknowledged.visitors);
        self.acknowledged = Acknowledged {
            erased: visitors.clone(),
            visitors,
            ..Acknowledged::default()
        };
    }
}

/// A dependency is away, or the answer before is not finished.
fn is_busy(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 503 | 409)
}

impl Shown {
    /// Reads to the end, or to where the connection breaks.
    async fn read(&mut self, answer: Response) -> End {
        let mut chunks = answer.bytes_stream();
        let mut unread = String::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            unread.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((block, rest)) = unread.split_once("\n\n") {
                let end = self.take(block);
                unread = rest.to_owned();
                if let Some(end) = end {
                    return end;
                }
            }
        }
        End::Cut
    }

    fn take(&mut self, block: &str) -> Option<End> {
        let line = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim_start)
        };
        let event: Value = serde_json::from_str(line("data:")?).expect("JSON");
        if let Some(id) = line("id:") {
            id.clone_into(&mut self.last_id);
        }
        match event["event"].as_str().expect("an event") {
            "token" => self.text.push_str(event["token"].as_str().expect("a token")),
            "restart" => self.text.clear(),
            "done" => return Some(End::Done),
            "error" => return Some(End::Error),
            _ => {}
        }
        None
    }
}
