//! Reading a subject by direct-get batches: answered by any replica, without a consumer.

use std::time::Duration;

use async_nats::{Message, Subscriber, jetstream::message::StreamMessage};
use futures::StreamExt as _;
use serde::Serialize;
use tokio::time::Instant;

use super::{Log, LogError};

const BATCH: usize = 1_000;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// After this another replica is asked, perhaps: the server picks one at random, also one that says nothing.
const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);

const NO_MESSAGES: u16 = 404;
const END_OF_BATCH: u16 = 204;

#[derive(Serialize)]
struct Ask<'a> {
    seq: u64,
    next_by_subj: &'a str,
    batch: usize,
}

/// The messages on `subject` of `stream` from the sequence `first`, oldest first. `subject` may hold wildcards.
pub(super) async fn from(log: &Log, stream: &str, subject: &str, first: u64) -> Result<Vec<StreamMessage>, LogError> {
    let mut messages = Vec::new();
    let mut first = first;
    loop {
        let page = page(log, stream, (subject, first), BATCH).await?;
        messages.extend(page.messages);
        match messages.last() {
            Some(last) if page.more => first = last.sequence + 1,
            _ => return Ok(messages),
        }
    }
}

/// Messages that were read at once.
pub(super) struct Page {
    pub(super) messages: Vec<StreamMessage>,
    /// There are others behind them.
    pub(super) more: bool,
}

/// The same, of at most `batch` messages.
pub(super) async fn page(
    log: &Log,
    stream: &str,
    (subject, first): (&str, u64),
    batch: usize,
) -> Result<Page, LogError> {
    let mut messages = Vec::new();
    let question = Ask {
        seq: first.max(1),
        next_by_subj: subject,
        batch,
    };
    let pending = ask(log, stream, &question, &mut messages).await?;
    Ok(Page {
        more: pending > 0 && !messages.is_empty(),
        messages,
    })
}

/// The last message on `subject` of `stream`.
pub(super) async fn last(log: &Log, stream: &str, subject: &str) -> Result<Option<StreamMessage>, LogError> {
    log.up().await?;
    let subject = format!("$JS.API.DIRECT.GET.{stream}.{subject}");
    let answer = repeated(log, || async {
        log.client()
            .request(subject.clone(), bytes::Bytes::new())
            .await
            .map_err(LogError::request("read a subject's last message"))
    })
    .await?;
    match answer.status {
        Some(status) if status.as_u16() == NO_MESSAGES => Ok(None),
        _ => StreamMessage::try_from(answer)
            .map(Some)
            .map_err(LogError::request("read a subject's last message")),
    }
}

/// Asks once; answers how many messages are left.
async fn ask(log: &Log, stream: &str, ask: &Ask<'_>, into: &mut Vec<StreamMessage>) -> Result<u64, LogError> {
    log.up().await?;
    let body = bytes::Bytes::from(serde_json::to_vec(ask)?);
    let (mut answers, first) = repeated(log, || first_answer(log, stream, body.clone())).await?;
    let mut answer = first;
    loop {
        match answer.status.map(|status| status.as_u16()) {
            Some(NO_MESSAGES) => return Ok(0),
            Some(END_OF_BATCH) => {
                let pending = answer
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("Nats-Num-Pending"));
                return Ok(pending
                    .and_then(|pending| pending.as_str().parse().ok())
                    .unwrap_or_default());
            }
            Some(status) if status >= 400 => {
                let description = answer.description.unwrap_or_default();
                return Err(LogError::Refused {
                    code: u64::from(status),
                    description,
                });
            }
            _ => into.push(StreamMessage::try_from(answer).map_err(LogError::request("read a subject"))?),
        }
        answer = tokio::time::timeout(ANSWER_TIMEOUT, answers.next())
            .await
            .map_err(|_| LogError::Unacknowledged)?
            .ok_or(LogError::Unreachable)?;
    }
}

/// Asks, and waits for the first of the answers.
async fn first_answer(log: &Log, stream: &str, body: bytes::Bytes) -> Result<(Subscriber, Message), LogError> {
    let failed = "read a subject";
    let inbox = log.client().new_inbox();
    let mut answers = log
        .client()
        .subscribe(inbox.clone())
        .await
        .map_err(LogError::request(failed))?;
    log.client()
        .publish_with_reply(format!("$JS.API.DIRECT.GET.{stream}"), inbox, body)
        .await
        .map_err(LogError::request(failed))?;
    let first = answers.next().await.ok_or(LogError::Unreachable)?;
    Ok((answers, first))
}

/// Waits for an answer; where others could give it as well, they are asked after a while.
async fn repeated<T, F: Future<Output = Result<T, LogError>>>(log: &Log, ask: impl Fn() -> F) -> Result<T, LogError> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let patience = if log.may_lag() { REPLICA_TIMEOUT } else { ANSWER_TIMEOUT };
        match tokio::time::timeout(patience, ask()).await {
            Ok(answered) => return answered,
            Err(_) if Instant::now() >= deadline => return Err(LogError::Unacknowledged),
            Err(_) => {}
        }
    }
}
