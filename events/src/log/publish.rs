//! Storing messages, and finding out whether they were stored when the answer got lost.

use std::time::Duration;

use async_nats::{HeaderMap, Request, client::RequestErrorKind, jetstream::stream::LastRawMessageErrorKind};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Log, LogError, direct_get, execute::STALE_READ_PAUSE};
use crate::{EventId, Partition};

/// How long one publish is repeated: a cluster elects a new leader within about five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one attempt waits for its acknowledgement.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(3);

const RETRY_PAUSE: Duration = Duration::from_millis(25);

/// How often replicas are asked before one of them has what the leader has.
const REPLICA_ROUNDS: u32 = 10;

/// The subject's last sequence is not the expected one.
const WRONG_LAST_SEQUENCE: u64 = 10071;
/// On a cluster: another write with an expectation on this subject is in flight.
const WRITE_IN_FLIGHT: u64 = 10164;
/// On a cluster: the server cannot tell yet, try again.
const TRY_AGAIN: u64 = 10158;

/// A message of a batch has an id that was stored within the last two minutes: an earlier try of the same batch.
const REPEATED: u64 = 10201;

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
    /// Stored or not, or where: the answer is missing, or was another's.
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
                let place = (partition, expected.unwrap_or(floor));
                if let Some(sequence) = self.find_patiently(place, messages, deadline).await? {
                    return Ok(sequence);
                }
            }
        }
    }

    /// The same as [`Self::find`], until it is known: a batch that was repeated is not published again before.
    async fn find_patiently(
        &self,
        (partition, floor): (Partition, u64),
        messages: &[Outgoing],
        deadline: Instant,
    ) -> Result<Option<u64>, LogError> {
        loop {
            self.up().await?;
            match self.find(partition, messages, floor).await {
                Err(_) if Instant::now() < deadline => tokio::time::sleep(RETRY_PAUSE).await,
                found => return found,
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
            if let Some(batch) = &batch {
                headers.insert(BATCH_ID, batch.as_str());
                headers.insert(BATCH_SEQUENCE, (index + 1).to_string());
            }
            if index == 0 {
                // One for a whole batch: the server remembers each for two minutes, and refuses all of a batch for one.
                headers.insert(MESSAGE_ID, message.event_id.to_string());
                if let Some(expected) = expected {
                    headers.insert(EXPECTED_SEQUENCE, expected.to_string());
                }
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
                REPEATED => Attempt::Unclear,
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

    /// The sequence of the last of `messages`, if it stands above `floor`: read from a replica that has all of the subject that
    /// the leader has.
    async fn find(&self, partition: Partition, messages: &[Outgoing], floor: u64) -> Result<Option<u64>, LogError> {
        let Some(last) = messages.last() else {
            return Ok(None);
        };
        // Only the first of a batch carries a message id, so the last one's is looked for in the event itself.
        let id = format!("\"{}\"", last.event_id);
        let is_it = |payload: &[u8]| payload.windows(id.len()).any(|window| window == id.as_bytes());
        let newest = if self.may_lag() {
            self.newest(partition, &last.subject).await?
        } else {
            0
        };
        for round in 1..=REPLICA_ROUNDS {
            let stored = direct_get::from(self, &partition.stream(), &last.subject, floor + 1).await?;
            if let Some(found) = stored.iter().rev().find(|message| is_it(&message.payload)) {
                return Ok(Some(found.sequence));
            }
            if stored.last().map_or(floor, |message| message.sequence) >= newest {
                return Ok(None);
            }
            tokio::time::sleep(STALE_READ_PAUSE * round).await;
        }
        Err(LogError::Behind)
    }

    /// The last sequence on `subject`, by the word of the partition's leader; 0 when there is none.
    pub(crate) async fn newest(&self, partition: Partition, subject: &str) -> Result<u64, LogError> {
        match self
            .stream(partition)
            .await?
            .get_last_raw_message_by_subject(subject)
            .await
        {
            Ok(message) => Ok(message.sequence),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(0),
            Err(error) => Err(LogError::request("look for an event")(error)),
        }
    }
}

/// Why a request has no answer.
pub(super) enum RequestProblem {
    /// No stream listens: the message is not stored.
    Away(LogError),
    /// The answer is missing.
    Unclear,
}
