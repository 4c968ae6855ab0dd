//! Storing messages, and finding out whether they were stored when the answer got lost.

use std::time::Duration;

use async_nats::{HeaderMap, Request, client::RequestErrorKind};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Log, LogError, direct_get};
use crate::{EventId, Partition};

/// How long one publish is repeated: a cluster elects a new leader within about five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one attempt waits for its acknowledgement.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(3);

const RETRY_PAUSE: Duration = Duration::from_millis(25);

/// The subject's last sequence is not the expected one.
const WRONG_LAST_SEQUENCE: u64 = 10071;
/// On a cluster: another write with an expectation on this subject is in flight.
const WRITE_IN_FLIGHT: u64 = 10164;
/// On a cluster: the server cannot tell yet, try again.
const TRY_AGAIN: u64 = 10158;

/// The stream is full, or its disk is: asking again at once would only add to it.
const NOT_KEPT: u64 = 10077;

const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// A message on its way into a stream of the log.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) event_id: EventId,
    pub(super) payload: Bytes,
}

/// Why a message was not stored.
#[derive(Debug)]
pub(super) enum PublishError {
    /// Somebody else wrote to the subject first.
    Conflict,
    Log(LogError),
}

impl From<LogError> for PublishError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// The server's answer to a publish.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Acknowledgement {
    Refused { error: ServerError },
    Stored { seq: u64, val: Option<String> },
}

#[derive(Debug, Deserialize)]
pub(super) struct ServerError {
    code: u64,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl From<ServerError> for LogError {
    fn from(error: ServerError) -> Self {
        Self::Refused {
            code: error.err_code,
            description: error.description,
        }
    }
}

/// What one attempt came to.
enum Attempt {
    Stored(u64),
    Conflict,
    /// Known not to be stored; may work in a moment.
    NotNow(LogError),
    /// Stored or not: the answer is missing.
    Unclear,
}

impl Log {
    /// Stores `messages`, all or none, and answers the sequence of the last one; they stand one after the other.
    /// With `expected`, the first message's subject must end with that sequence; 0 is a subject without messages. Without
    /// it, `floor` is a sequence below which the messages cannot stand.
    pub(super) async fn store(
        &self,
        partition: Partition,
        messages: &[Outgoing],
        expected: Option<u64>,
        floor: u64,
    ) -> Result<u64, PublishError> {
        let deadline = Instant::now() + PATIENCE;
        let mut unclear = false;
        loop {
            self.up().await?;
            let problem = match self.attempt(messages, expected).await? {
                Attempt::Stored(sequence) => return Ok(sequence),
                Attempt::Conflict if messages.len() == 1 || unclear => {
                    let found = self.find(partition, messages, expected.unwrap_or(floor)).await?;
                    return found.ok_or(PublishError::Conflict);
                }
                Attempt::Conflict => return Err(PublishError::Conflict),
                Attempt::NotNow(error) => error,
                Attempt::Unclear => {
                    unclear = true;
                    LogError::Unacknowledged
                }
            };
            if Instant::now() >= deadline {
                return Err(problem.into());
            }
            tokio::time::sleep(RETRY_PAUSE).await;
            if unclear {
                self.up().await?;
                if let Some(sequence) = self.find(partition, messages, expected.unwrap_or(floor)).await? {
                    return Ok(sequence);
                }
            }
        }
    }

    async fn attempt(&self, messages: &[Outgoing], expected: Option<u64>) -> Result<Attempt, LogError> {
        let Some((last, others)) = messages.split_last() else {
            return Ok(Attempt::Stored(0));
        };
        let batch = if others.is_empty() {
            None
        } else {
            Some(EventId::generate().to_string())
        };
        let headers = |message: &Outgoing, index: usize| {
            let mut headers = HeaderMap::new();
            match &batch {
                Some(batch) => {
                    headers.insert(BATCH_ID, batch.as_str());
                    headers.insert(BATCH_SEQUENCE, (index + 1).to_string());
                }
                None => headers.insert(MESSAGE_ID, message.event_id.to_string()),
            }
            if index == 0
                && let Some(expected) = expected
            {
                headers.insert(EXPECTED_SEQUENCE, expected.to_string());
            }
            headers
        };
        for (index, message) in others.iter().enumerate() {
            self.client()
                .publish_with_headers(
                    message.subject.clone(),
                    headers(message, index),
                    message.payload.clone(),
                )
                .await
                .map_err(LogError::request("publish a batch"))?;
        }
        let mut headers = headers(last, others.len());
        if batch.is_some() {
            headers.insert(BATCH_COMMIT, "1");
        }
        Ok(match self.request(&last.subject, headers, last.payload.clone()).await {
            Ok(Acknowledgement::Stored { seq, .. }) => Attempt::Stored(seq),
            Ok(Acknowledgement::Refused { error }) => match error.err_code {
                WRONG_LAST_SEQUENCE => Attempt::Conflict,
                WRITE_IN_FLIGHT | TRY_AGAIN => Attempt::NotNow(error.into()),
                NOT_KEPT => return Err(error.into()),
                _ if error.code == 503 => Attempt::NotNow(error.into()),
                _ => return Err(error.into()),
            },
            Err(RequestProblem::Away(error)) => Attempt::NotNow(error),
            Err(RequestProblem::Unclear) => Attempt::Unclear,
        })
    }

    /// Publishes and waits for the server's answer, whatever it is.
    pub(super) async fn request(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Acknowledgement, RequestProblem> {
        let request = Request::new()
            .headers(headers)
            .payload(payload)
            .timeout(Some(ACKNOWLEDGE_TIMEOUT));
        match self.client().send_request(subject.to_owned(), request).await {
            Ok(answer) => serde_json::from_slice(&answer.payload).map_err(|_| RequestProblem::Unclear),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                Err(RequestProblem::Away(LogError::Request {
                    attempted: "publish",
                    source: error.into(),
                }))
            }
            Err(_) => Err(RequestProblem::Unclear),
        }
    }

    /// The sequence of the last of `messages`, if it stands above `floor`.
    async fn find(&self, partition: Partition, messages: &[Outgoing], floor: u64) -> Result<Option<u64>, LogError> {
        let Some(last) = messages.last() else {
            return Ok(None);
        };
        let stored = direct_get::from(self, &partition.stream(), &last.subject, floor + 1).await?;
        let id = format!("\"{}\"", last.event_id);
        // Batches carry no message id, so the id is looked for in the event itself.
        Ok(stored
            .iter()
            .rev()
            .find(|message| message.payload.windows(id.len()).any(|window| window == id.as_bytes()))
            .map(|message| message.sequence))
    }
}

/// Why a request has no answer.
pub(super) enum RequestProblem {
    /// No stream listens: the message is not stored.
    Away(LogError),
    /// The answer is missing.
    Unclear,
}
