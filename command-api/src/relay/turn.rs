//! One answer, followed to its end: whatever is lost, late or twice on the bus, its lines come once and in order.
//!
//! The order of a stream is `events::tokens::FrameOrder`'s. Here is where missing frames come from: TOKENS for ten minutes,
//! the log after that, and both whenever the bus is silent, so that a lost last frame never hangs a stream.

use std::time::Duration;

use async_nats::Subscriber;
use events::{
    ConversationId, Log, LogEvent, MessageId, Subject, Timestamp,
    conversation::{Conversation, ConversationEvent, TURN_PATIENCE},
    log::LogError,
    tokens::{self, Arrival, Frame},
};
use futures::StreamExt as _;

use super::{
    conclusion::{self, Outcome, Shown},
    queue::{Line, Queue},
};

/// The bus may be silent this long before TOKENS and the log are asked; then twice as long each time.
const SILENCE_FIRST: Duration = Duration::from_secs(2);
const SILENCE_LONGEST: Duration = Duration::from_secs(8);

/// Pauses before TOKENS is asked for missing frames: it may store a frame a moment after the bus delivered it.
const GAP_PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(125),
];

/// After so many failed attempts to ask, a stream ends rather than hang.
const FAILURES_MAX: u32 = 5;

/// One answer as one client follows it.
pub struct Turn {
    log: Log,
    subject: Subject,
    conversation_id: ConversationId,
    answer_id: MessageId,
    frames: Subscriber,
    queue: Queue,
    /// Where TOKENS is read on: what stands before was taken.
    unread: u64,
    /// There is more in TOKENS than was read: it is read when the client has taken what was.
    behind: bool,
    /// Frames are missing and TOKENS does not have them: only the log can end this.
    lost: bool,
    ended: bool,
    silence: Duration,
    failures: u32,
}

impl Turn {
    /// Listens to the answer's frames from now on; `seen` is the last index that the client has.
    ///
    /// # Errors
    /// The connection to the log is closed.
    pub async fn follow(
        log: &Log,
        subject: Subject,
        (conversation_id, answer_id): (ConversationId, MessageId),
        seen: Option<u32>,
    ) -> Result<Self, async_nats::Error> {
        let frames = log
            .client()
            .subscribe(tokens::subject(conversation_id, answer_id))
            .await?;
        Ok(Self {
            log: log.clone(),
            subject,
            conversation_id,
            answer_id,
            frames,
            queue: Queue::after(seen),
            unread: 1,
            behind: false,
            lost: false,
            ended: false,
            silence: SILENCE_FIRST,
            failures: 0,
        })
    }

    /// The answer's id.
    pub const fn answer_id(&self) -> MessageId {
        self.answer_id
    }

    /// Fetches what was said before this client listened.
    pub async fn catch_up(&mut self) {
        self.ask().await;
    }

    /// The next line; none after the last. Not to be cancelled: a line that is being fetched would come late.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.queue.pop() {
                self.ended = line.kind.is_last();
                return Some(line);
            }
            if self.ended {
                return None;
            }
            if self.behind {
                if let Err(error) = self.fetch().await {
                    self.failed(&error);
                }
                continue;
            }
            match tokio::time::timeout(self.silence, self.frames.next()).await {
                Ok(Some(message)) => {
                    if let Some(frame) = Frame::from_message(message.headers.as_ref(), message.payload) {
                        self.take(frame).await;
                    }
                }
                // The subscription is gone with its connection; the log can still be asked.
                Ok(None) => {
                    tokio::time::sleep(self.silence).await;
                    self.ask().await;
                }
                Err(_) => self.ask().await,
            }
        }
    }

    /// Goes on to the last line.
    pub async fn finish(&mut self) -> Option<Line> {
        while let Some(line) = self.next().await {
            if line.kind.is_last() {
                return Some(line);
            }
        }
        None
    }

    /// Reads how the conversation stands after the answer, which a responder wrote: the visitor's next message is then decided
    /// on it at once.
    pub async fn remember(&self) {
        if let Err(error) = self.log.load::<Conversation>(&self.subject).await {
            tracing::debug!(
                message.id = %self.answer_id,
                error = &error as &dyn std::error::Error,
                "a conversation is read again when it is needed"
            );
        }
    }

    async fn take(&mut self, frame: Frame) {
        self.silence = SILENCE_FIRST;
        if self.queue.take(&frame) != Arrival::Gap {
            self.failures = 0;
            return;
        }
        if self.lost && !frame.kind.is_last() {
            return;
        }
        for pause in GAP_PAUSES {
            tokio::time::sleep(pause).await;
            if let Err(error) = self.fetch().await {
                self.failed(&error);
                return;
            }
            // Far behind: this frame comes again, in its place.
            if self.behind || self.queue.take(&frame) != Arrival::Gap {
                self.lost = false;
                return;
            }
            // TOKENS may have begun anew, with the server whose memory it was in.
            self.unread = 1;
        }
        self.lost = true;
        if frame.kind.is_last() {
            self.ask().await;
        }
    }

    /// Asks TOKENS, and when that has nothing more, the log.
    async fn ask(&mut self) {
        let asked = match self.fetch().await {
            Ok(()) if !self.queue.is_empty() => Ok(()),
            Ok(()) => self.consult().await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(()) => self.failures = 0,
            Err(error) => self.failed(&error),
        }
        self.silence = (self.silence * 2).min(SILENCE_LONGEST);
    }

    /// Reads on in TOKENS, until there is something to send or nothing more to read.
    async fn fetch(&mut self) -> Result<(), LogError> {
        let ids = (self.conversation_id, self.answer_id);
        self.behind = true;
        while self.behind && self.queue.is_empty() {
            // Whoever fails to read is not behind, but asks again after a while.
            self.behind = false;
            let page = self.log.frames_page(ids.0, ids.1, self.unread).await?;
            for frame in &page.frames {
                if self.queue.take(frame) == Arrival::Gap {
                    // A frame was never stored. Whether a restart makes up for it, the rest says.
                    return self.fetch_all().await;
                }
            }
            self.unread = page.next;
            self.behind = page.more;
        }
        Ok(())
    }

    async fn fetch_all(&mut self) -> Result<(), LogError> {
        let (ids, next) = ((self.conversation_id, self.answer_id), self.queue.next_index());
        for frame in &self.log.frames_after(ids.0, ids.1, next).await? {
            self.queue.take(frame);
        }
        Ok(())
    }

    /// Whether the log knows of an end that the bus did not tell.
    async fn consult(&mut self) -> Result<(), LogError> {
        let state = self.log.load::<Conversation>(&self.subject).await?.state;
        let now = self.log.clock().now();
        match state.open_turn() {
            Some(turn) if turn.answer_id == self.answer_id => {
                if is_overdue(turn.posted_at, now) {
                    self.say("answer_timeout", "The answer did not come in time.");
                }
                Ok(())
            }
            _ => self.conclude(&state).await,
        }
    }

    async fn conclude(&mut self, state: &Conversation) -> Result<(), LogError> {
        // The responder sends its last frames right after the event: they may have come since TOKENS was asked.
        let stored = self.log.frames_after(self.conversation_id, self.answer_id, 0).await?;
        for frame in &stored {
            self.queue.take(frame);
        }
        if self.queue.is_complete() {
            return Ok(());
        }
        let outcome = match Outcome::from_state(state, self.answer_id) {
            Some(outcome) => outcome,
            None => Outcome::from_events(self.events().await?, self.answer_id),
        };
        let shown = Shown::before(self.queue.next_index(), &stored);
        let ids = (self.conversation_id, self.answer_id);
        for body in conclusion::frames(outcome, &shown, self.queue.attempt(), ids) {
            self.queue.add(&body);
        }
        Ok(())
    }

    async fn events(&self) -> Result<Vec<ConversationEvent>, LogError> {
        let recorded = self.log.events_of(&self.subject).await?;
        let events = recorded.into_iter().filter_map(|recorded| match recorded.event {
            LogEvent::Conversation(event) => Some(event),
            _ => None,
        });
        Ok(events.collect())
    }

    fn failed(&mut self, error: &LogError) {
        self.failures += 1;
        tracing::warn!(
            message.id = %self.answer_id,
            error = error as &dyn std::error::Error,
            "an answer cannot be read for a moment"
        );
        if self.failures >= FAILURES_MAX {
            self.say("log_unavailable", "The answer cannot be read right now.");
        }
    }

    /// Ends this connection only: the client may come back for the answer.
    fn say(&mut self, code: &str, message: &str) {
        self.queue.end_with(Line::error(code, message));
    }
}

fn is_overdue(posted_at: Timestamp, now: Timestamp) -> bool {
    now.since(posted_at) >= TURN_PATIENCE
}
