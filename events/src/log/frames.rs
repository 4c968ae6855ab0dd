//! Frames of an answer, on the bus while it is written and in TOKENS for ten minutes.

use async_nats::jetstream::message::StreamMessage;

use super::{
    Log, LogError, direct_get,
    publish::{Acknowledgement, RequestProblem},
    streams::TOKENS,
};
use crate::{
    ConversationId, MessageId, Timestamp,
    tokens::{self, Frame, FrameBody, FrameKind},
};

/// Frames sent without waiting: a flood that nobody acknowledges is delivered, but not all of it is kept.
const UNACKNOWLEDGED: u32 = 32;

/// Frames that are read at once for a client.
const PAGE: usize = 128;

/// Numbers that an attempt has for itself with each second that the turn is old: more than any answer gives in a second.
const NUMBERS_PER_SECOND: u64 = 10_000;

/// Writes the frames of one attempt at one answer.
#[derive(Debug)]
pub struct FrameWriter {
    log: Log,
    subject: String,
    attempt: u32,
    next: u32,
}

impl FrameWriter {
    /// Begins the frames of `attempt` (1 is the first) at the answer to a message of `posted_at`. Whoever may not be the first
    /// to write some says so with a `restart`, under a number that was not given yet: after the frames in TOKENS, and, when
    /// some may be missing there, after any that can have been given. They are lost with the memory of a server; and one of
    /// several may have shown frames that it did not live to share.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub async fn begin(
        log: &Log,
        (conversation_id, answer_id): (ConversationId, MessageId),
        attempt: u32,
        posted_at: Timestamp,
    ) -> Result<Self, LogError> {
        // A connection that was lost is up again when it is known how old TOKENS is.
        log.up().await?;
        // A server that is killed may forget that it has delivered a message: then the second attempt counts as the first.
        let are_frames_lost = log.may_have_lost_frames(posted_at);
        let mut writer = Self::resume(log, (conversation_id, answer_id), attempt, 0);
        if attempt > 1 || are_frames_lost {
            let written = log.frames_after(conversation_id, answer_id, 0).await?;
            let behind = written.iter().map(|frame| frame.index + 1).max().unwrap_or(0);
            writer.next = if are_frames_lost || log.shared.replicas > 1 {
                behind.max(after_seconds(log.clock().now().since(posted_at).as_secs()))
            } else {
                behind
            };
            if writer.next > 0 {
                writer.send(FrameBody::Restart { attempt }).await?;
            }
        }
        Ok(writer)
    }

    /// Goes on with the frames of `attempt` from the index `next`, whatever was written before.
    pub fn resume(
        log: &Log,
        (conversation_id, answer_id): (ConversationId, MessageId),
        attempt: u32,
        next: u32,
    ) -> Self {
        Self {
            log: log.clone(),
            subject: tokens::subject(conversation_id, answer_id),
            attempt,
            next,
        }
    }

    /// Sends the next frame; waits for the server with every thirty-second and with the last.
    ///
    /// # Errors
    /// The log cannot be written.
    pub async fn send(&mut self, body: FrameBody) -> Result<(), LogError> {
        let kind = body.kind();
        let frame = Frame {
            attempt: self.attempt,
            index: self.next,
            kind,
            payload: body.to_json(),
        };
        let (headers, payload) = (frame.headers(), frame.payload);
        if kind.is_last() || self.next % UNACKNOWLEDGED == UNACKNOWLEDGED - 1 {
            self.log.up().await?;
            match self.log.request(&self.subject, headers, payload).await {
                Ok(Acknowledgement::Stored { .. }) => {}
                Ok(Acknowledgement::Refused { error }) => return Err(error.into()),
                Err(RequestProblem::Away(error)) => return Err(error),
                Err(RequestProblem::Unclear) => return Err(LogError::Unacknowledged),
            }
        } else {
            let sent = self
                .log
                .client()
                .publish_with_headers(self.subject.clone(), headers, payload)
                .await;
            sent.map_err(LogError::request("send a frame"))?;
        }
        self.next += 1;
        Ok(())
    }
}

/// The first number of an attempt at a message that is so old.
fn after_seconds(age: u64) -> u32 {
    u32::try_from(age.saturating_add(1).saturating_mul(NUMBERS_PER_SECOND)).unwrap_or(u32::MAX / 2)
}

/// Frames that were read at once, see [`Log::frames_page`].
#[derive(Debug)]
pub struct FramesPage {
    /// In the order they were written.
    pub frames: Vec<Frame>,
    /// The place in TOKENS behind them.
    pub next: u64,
    /// There are others from there on.
    pub more: bool,
}

impl Log {
    /// Some frames of an answer, from the place `first` in TOKENS on. Whoever reads for a client reads by pages: an answer has
    /// thousands of frames, and the client may not take them.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn frames_page(
        &self,
        conversation_id: ConversationId,
        answer_id: MessageId,
        first: u64,
    ) -> Result<FramesPage, LogError> {
        let subject = tokens::subject(conversation_id, answer_id);
        let page = direct_get::page(self, TOKENS, (&subject, first), PAGE).await?;
        let next = page.messages.last().map_or(first, |last| last.sequence + 1);
        let frames = page.messages.into_iter();
        let frames =
            frames.filter_map(|StreamMessage { headers, payload, .. }| Frame::from_message(Some(&headers), payload));
        Ok(FramesPage {
            frames: frames.collect(),
            next,
            more: page.more,
        })
    }

    /// The frames of an answer from the index `next` on, and every restart, in the order they were written. None when they
    /// have expired, or none was written yet.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn frames_after(
        &self,
        conversation_id: ConversationId,
        answer_id: MessageId,
        next: u32,
    ) -> Result<Vec<Frame>, LogError> {
        let stored = direct_get::from(self, TOKENS, &tokens::subject(conversation_id, answer_id), 1).await?;
        let frames = stored
            .into_iter()
            .filter_map(|StreamMessage { headers, payload, .. }| Frame::from_message(Some(&headers), payload));
        Ok(frames
            .filter(|frame| frame.index >= next || frame.kind == FrameKind::Restart)
            .collect())
    }
}
