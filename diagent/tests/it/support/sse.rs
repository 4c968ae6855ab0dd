//! Server-Sent Events as a browser reads them.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

use super::Answer;

/// A stream that says nothing for longer than this is broken: heartbeats come every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(25);

/// An open stream. Dropping it is what a browser does that goes away.
pub(crate) struct Sse {
    pub(crate) headers: HeaderMap,
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: Vec<u8>,
    comments: usize,
}

/// One `data:` line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) id: Option<u32>,
    /// Exactly what stands behind `data: `.
    pub(crate) raw: String,
    pub(crate) json: Value,
}

/// A stream from where it was opened to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) lines: Vec<Line>,
    pub(crate) message_id: String,
}

impl Sse {
    /// Opens a stream; anything but one is answered whole.
    pub(crate) async fn open(request: RequestBuilder) -> Result<Self, Box<Answer>> {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let is_stream = |headers: &HeaderMap| {
            let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
            kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
        };
        let again = request.try_clone();
        let response = client.execute(request).await.expect("an answer");
        if response.status() == 200 && is_stream(response.headers()) {
            return Ok(Self {
                headers: response.headers().clone(),
                bytes: response.bytes_stream().boxed(),
                buffer: Vec::new(),
                comments: 0,
            });
        }
        let asked = again.map(|request| format!("{} {}", request.method(), request.url()));
        Err(Box::new(Answer::of(response, asked.unwrap_or_default()).await))
    }

    /// What the answer is called.
    pub(crate) fn message_id(&self) -> String {
        self.header("diagent-message-id").to_owned()
    }

    /// A header that must be there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| unreachable!("no {name} in {:?}", self.headers));
        value.to_str().expect("ASCII")
    }

    /// Comments seen so far.
    pub(crate) const fn comments(&self) -> usize {
        self.comments
    }

    /// The next line; none when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                match self.read(&String::from_utf8(block).expect("UTF-8")) {
                    Some(line) => return Some(line),
                    None => continue,
                }
            }
            let next = tokio::time::timeout(SILENCE_MAX, self.bytes.next()).await;
            let next = next.unwrap_or_else(|_| unreachable!("the stream is silent after {:?}", self.buffer));
            let Some(bytes) = next else {
                assert!(
                    self.buffer.is_empty(),
                    "cut off: {:?}",
                    String::from_utf8_lossy(&self.buffer)
                );
                return None;
            };
            self.buffer.extend_from_slice(&bytes.expect("the stream goes on"));
        }
    }

    /// Waits for the next comment, before which no line comes.
    pub(crate) async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let line = self.read(&String::from_utf8(block).expect("UTF-8"));
                assert_eq!(line, None);
                continue;
            }
            let next = tokio::time::timeout(SILENCE_MAX, self.bytes.next()).await;
            let bytes = next.expect("a comment in time").expect("it does not end");
            self.buffer.extend_from_slice(&bytes.expect("bytes"));
        }
    }

    /// The next token's text.
    pub(crate) async fn token(&mut self) -> String {
        let line = self.next().await.expect("a token");
        assert_eq!(line.event(), "token", "{line:?}");
        line.json["token"].as_str().expect("a text").to_owned()
    }

    /// Everything up to the end.
    #[expect(clippy::wrong_self_convention, reason = "a stream that was read to its end is over")]
    pub(crate) async fn to_end(mut self) -> Transcript {
        let message_id = self.message_id();
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        Transcript { lines, message_id }
    }

    /// Takes a block apart; comments are no lines.
    fn read(&mut self, block: &str) -> Option<Line> {
        let (mut id, mut data) = (None, None);
        for field in block.lines().filter(|field| !field.is_empty()) {
            if field.starts_with(':') {
                self.comments += 1;
            } else if let Some(text) = field.strip_prefix("id: ") {
                id = Some(text.parse().expect("an index"));
            } else if let Some(text) = field.strip_prefix("data: ") {
                assert!(data.is_none(), "one line of data: {block:?}");
                data = Some(text.to_owned());
            } else {
                unreachable!("neither id, data nor a comment: {block:?}");
            }
        }
        let raw = data?;
        let json = serde_json::from_str(&raw).expect("JSON");
        Some(Line { id, raw, json })
    }
}

impl Line {
    /// `token`, `citations`, `done`, `error` or `restart`.
    pub(crate) fn event(&self) -> &str {
        self.json["event"].as_str().unwrap_or_default()
    }
}

impl Transcript {
    /// What each line is.
    pub(crate) fn events(&self) -> Vec<&str> {
        self.lines.iter().map(Line::event).collect()
    }

    /// The indices of the lines that have one.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.lines.iter().filter_map(|line| line.id).collect()
    }

    /// The tokens since the last restart.
    pub(crate) fn tokens(&self) -> Vec<&str> {
        let begin = self
            .lines
            .iter()
            .rposition(|line| line.event() == "restart")
            .map_or(0, |place| place + 1);
        let tokens = self.lines[begin..].iter().filter(|line| line.event() == "token");
        tokens
            .map(|line| line.json["token"].as_str().expect("a text"))
            .collect()
    }

    /// What a person reads in the end.
    pub(crate) fn text(&self) -> String {
        self.tokens().concat()
    }

    /// The citations; none when that line did not come.
    pub(crate) fn citations(&self) -> Option<&Value> {
        let line = self.lines.iter().rfind(|line| line.event() == "citations")?;
        line.json.get("citations")
    }

    /// The last line, which must be `done`.
    pub(crate) fn done(&self) -> &Value {
        let last = self.lines.last().expect("at least one line");
        assert_eq!(last.event(), "done", "{:?}", self.lines);
        &last.json
    }

    /// The last line, which must be `error`.
    pub(crate) fn error(&self) -> &Value {
        let last = self.lines.last().expect("at least one line");
        assert_eq!(last.event(), "error", "{:?}", self.lines);
        &last.json
    }
}
