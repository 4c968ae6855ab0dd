//! Hearing one answer after the other: when each token came, and when the model had said it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::QUESTION;
use crate::{
    client::Client,
    model::{now_micros, question},
    visitor::Visitor,
};

/// An answer that is not over by then never will be.
const PATIENCE: Duration = Duration::from_mins(1);

/// A reader notices that nothing goes on.
const STALL: Duration = Duration::from_secs(1);

/// Who hears answers, on a connection of its own.
pub(super) enum Listener {
    /// Through the product.
    Visitor(Visitor),
    /// From the model itself.
    Direct(Client),
}

/// What was heard; times in microseconds.
#[derive(Default)]
pub(super) struct Heard {
    /// From each question to its first token.
    pub(super) first_tokens: Vec<u64>,
    /// Of each token, from when the model said it to when it was heard.
    pub(super) tokens: Vec<u64>,
    /// Pauses of more than a second between two tokens.
    pub(super) stalls: u32,
    /// Answers that did not end in `done` with all their tokens, by what was wrong.
    pub(super) broken: BTreeMap<String, u32>,
}

/// How an answer is written.
struct Dialect {
    before_token: &'static [u8],
    end: &'static [u8],
}

/// The widget's stream ends with it instead.
const ERROR: &[u8] = b"\"event\":\"error\"";

const WIDGET: Dialect = Dialect {
    before_token: b"\"token\":\"",
    end: b"\"event\":\"done\"",
};
const OPENAI: Dialect = Dialect {
    before_token: b"\"content\":\"",
    end: b"data: [DONE]",
};

impl Listener {
    /// Asks and hears so many times, one after the other; an answer has `tokens` tokens.
    pub(super) async fn hear(mut self, answers: usize, tokens: u32) -> Heard {
        let mut heard = Heard::default();
        for _ in 0..answers {
            let before = heard.tokens.len();
            let ended = timeout(PATIENCE, self.hear_one(&mut heard)).await;
            let came = heard.tokens.len() - before;
            let wrong = match ended {
                Ok(Ok(())) if came == tokens as usize => continue,
                Ok(Ok(())) => format!("{came} tokens"),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => format!("no end after {PATIENCE:?}"),
            };
            *heard.broken.entry(wrong).or_default() += 1;
        }
        heard
    }

    async fn hear_one(&mut self, heard: &mut Heard) -> anyhow::Result<()> {
        let asked = Instant::now();
        let (response, dialect) = match self {
            Self::Visitor(visitor) => (visitor.ask(QUESTION).await?, WIDGET),
            Self::Direct(client) => (client.open(question(QUESTION)).await?, OPENAI),
        };
        let mut answer = Lines::of(response.into_body());
        let mut last = None;
        while let Some(line) = answer.next().await? {
            if let Some(said_at) = dialect.said_at(&line) {
                let now = Instant::now();
                heard.tokens.push(now_micros().saturating_sub(said_at));
                match last.replace(now) {
                    None => heard.first_tokens.push(u64::try_from(asked.elapsed().as_micros())?),
                    Some(last) => heard.stalls += u32::from(now - last > STALL),
                }
            } else if place_of(&line, dialect.end).is_some() {
                // To its end, so that the next question goes over the same connection.
                while answer.next().await?.is_some() {}
                return Ok(());
            } else if place_of(&line, ERROR).is_some() {
                anyhow::bail!("{}", String::from_utf8_lossy(&line).trim());
            }
        }
        anyhow::bail!("the stream ended without its last line")
    }
}

impl Heard {
    pub(super) fn add(&mut self, other: Self) {
        self.first_tokens.extend(other.first_tokens);
        self.tokens.extend(other.tokens);
        self.stalls += other.stalls;
        for (wrong, count) in other.broken {
            *self.broken.entry(wrong).or_default() += count;
        }
    }
}

impl Dialect {
    /// When the token of this line was said, if it has one.
    fn said_at(&self, line: &[u8]) -> Option<u64> {
        // Diagent says the blank behind a word with the next one.
        let token = line[place_of(line, self.before_token)? + self.before_token.len()..].trim_ascii_start();
        let end = token.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(&token[..end]).ok()?.parse().ok()
    }
}

fn place_of(line: &[u8], wanted: &[u8]) -> Option<usize> {
    line.windows(wanted.len()).position(|window| window == wanted)
}

/// A body's lines, however they were cut.
struct Lines {
    body: Incoming,
    unread: BytesMut,
}

impl Lines {
    fn of(body: Incoming) -> Self {
        let unread = BytesMut::new();
        Self { body, unread }
    }

    async fn next(&mut self) -> anyhow::Result<Option<BytesMut>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.unread.split_to(end + 1)));
            }
            let Some(frame) = self.body.frame().await else {
                ensure!(self.unread.is_empty(), "the stream ended within a line");
                return Ok(None);
            };
            if let Ok(data) = frame.context("the stream broke off")?.into_data() {
                self.unread.extend_from_slice(&data);
            }
        }
    }
}
