//! What each event does to the rows, in memory.

use std::collections::BTreeMap;

use events::{
    ConversationId, LogEvent, Recorded, Subject, Timestamp,
    conversation::{ConversationEvent, FinishReason, Rating, Satisfaction},
    visitor::VisitorEvent,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::projections::stored;

/// Characters of a conversation's preview.
const PREVIEW_CHARS_MAX: usize = 160;

/// One row of `conversations`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are columns")]
pub(super) struct Conversation {
    pub(super) agent_id: String,
    pub(super) workspace_id: String,
    pub(super) visitor_id: String,
    pub(super) partition: i32,
    pub(super) started_at: OffsetDateTime,
    pub(super) last_message_at: OffsetDateTime,
    pub(super) claimed_by: Option<String>,
    pub(super) claimed_by_id: Option<String>,
    pub(super) human_requested: bool,
    pub(super) closed: bool,
    pub(super) message_count: i64,
    pub(super) low_confidence_count: i64,
    pub(super) answered: bool,
    pub(super) handed_over: bool,
    pub(super) satisfaction: Option<String>,
    pub(super) page_url: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) preview: Option<String>,
    pub(super) open_message_id: Option<String>,
    pub(super) open_answer_id: Option<String>,
}

/// One new row of `messages`. What it shares with its conversation is taken from there.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) role: &'static str,
    pub(super) content: String,
    pub(super) citations: Value,
    pub(super) low_confidence: Option<bool>,
    pub(super) finish_reason: Option<&'static str>,
    pub(super) author: Option<String>,
    pub(super) answerer: Option<String>,
    pub(super) page_url: Option<String>,
    pub(super) created_at: OffsetDateTime,
    pub(super) status: &'static str,
    pub(super) answer_to: Option<String>,
    pub(super) first_token_ms: Option<i64>,
    pub(super) partition: i32,
    pub(super) sequence: i64,
}

/// A message's name: its conversation's id and its own.
pub(super) type Key = (String, String);

/// The end of a turn, written to the message that opened it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) status: &'static str,
    pub(super) failure_code: Option<String>,
}

/// A verdict on a message, and where it stands: it means a message that was there before.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) rating: Option<&'static str>,
    pub(super) sequence: i64,
}

/// A batch under way: the rows that it touches, and what is to be written.
#[derive(Debug, Default)]
pub(super) struct Fold {
    pub(super) conversations: BTreeMap<String, Conversation>,
    pub(super) messages: BTreeMap<Key, Message>,
    pub(super) outcomes: BTreeMap<Key, Outcome>,
    pub(super) ratings: BTreeMap<Key, Verdict>,
    /// Up to which sequence a conversation's messages are hidden.
    pub(super) cleared: BTreeMap<String, i64>,
}

/// The conversation that an event belongs to, if it belongs to one.
pub(super) fn conversation_of(recorded: &Recorded) -> Option<ConversationId> {
    match (&recorded.event, &recorded.subject) {
        (LogEvent::Visitor(VisitorEvent::ConversationStarted { conversation_id, .. }), _)
        | (LogEvent::Conversation(_), Subject::Conversation { conversation_id, .. }) => Some(*conversation_id),
        _ => None,
    }
}

impl Fold {
    pub(super) fn new(conversations: BTreeMap<String, Conversation>) -> Self {
        Self {
            conversations,
            ..Self::default()
        }
    }

    /// Folds one event of the conversation `id`.
    pub(super) fn on(&mut self, id: &str, recorded: &Recorded) {
        match &recorded.event {
            LogEvent::Visitor(VisitorEvent::ConversationStarted {
                locale, page_url, at, ..
            }) => {
                let conversation = self.conversation(id, recorded);
                conversation.started_at = at.to_offset_date_time();
                if conversation.message_count == 0 {
                    conversation.last_message_at = conversation.started_at;
                }
                conversation.locale = locale.as_deref().map(stored::text);
                conversation.page_url = page_url.as_ref().map(|url| stored::text(url.expose()));
            }
            LogEvent::Conversation(event) => self.on_conversation(id, recorded, event),
            _ => {}
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per event: the whole fold on one page")]
    fn on_conversation(&mut self, id: &str, recorded: &Recorded, event: &ConversationEvent) {
        use ConversationEvent as E;
        match event {
            E::MessagePosted {
                message_id,
                answer_id,
                content,
                page_url,
                at,
                ..
            } => {
                let message = Message {
                    page_url: page_url.as_ref().map(|url| stored::text(url.expose())),
                    ..plain("visitor", "posted", content.expose(), *at)
                };
                self.end_turn(id, recorded, Outcome::ABANDONED);
                self.said(id, &message_id.to_string(), recorded, message);
                let conversation = self.conversation(id, recorded);
                conversation.open_message_id = answer_id.map(|_| message_id.to_string());
                conversation.open_answer_id = answer_id.map(|answer_id| answer_id.to_string());
            }
            E::MessageAnswered {
                message_id,
                content,
                citations,
                low_confidence,
                finish_reason,
                answerer,
                first_token_ms,
                at,
                ..
            } => {
                let answer_to = self.close_turn(id, recorded, &message_id.to_string(), Outcome::ANSWERED);
                let message = Message {
                    citations: stored::json(serde_json::to_value(citations).unwrap_or_default()),
                    low_confidence: Some(*low_confidence),
                    finish_reason: Some(finish_reason_name(*finish_reason)),
                    answerer: Some(stored::text(answerer)),
                    answer_to,
                    first_token_ms: first_token_ms.map(stored::number),
                    ..plain("assistant", "answered", content.expose(), *at)
                };
                self.said(id, &message_id.to_string(), recorded, message);
                let conversation = self.conversation(id, recorded);
                conversation.low_confidence_count += i64::from(*low_confidence);
                conversation.answered |= !low_confidence;
            }
            E::MessageReplied {
                message_id,
                content,
                operator,
                at,
            } => {
                let message = Message {
                    author: Some(stored::text(&operator.name)),
                    ..plain("operator", "posted", content.expose(), *at)
                };
                self.said(id, &message_id.to_string(), recorded, message);
                self.conversation(id, recorded).answered = true;
            }
            E::MessageFailed { message_id, code, .. } => {
                self.close_turn(id, recorded, &message_id.to_string(), Outcome::failed(code));
            }
            E::StopRequested { .. } => {}
            E::MessageRated { message_id, rating, .. } => {
                let verdict = Verdict {
                    rating: rating.map(rating_name),
                    sequence: stored::sequence(recorded.position.sequence),
                };
                self.ratings.insert((id.to_owned(), message_id.to_string()), verdict);
            }
            E::Cleared { .. } => {
                self.end_turn(id, recorded, Outcome::ABANDONED);
                self.conversation(id, recorded).preview = None;
                self.cleared
                    .insert(id.to_owned(), stored::sequence(recorded.position.sequence));
            }
            E::HumanRequested { .. } => {
                let conversation = self.conversation(id, recorded);
                conversation.human_requested = true;
                conversation.handed_over = true;
            }
            E::ConversationRated { rating, .. } => {
                self.conversation(id, recorded).satisfaction = Some(satisfaction_name(*rating).to_owned());
            }
            E::Claimed { operator, .. } => {
                self.end_turn(id, recorded, Outcome::ABANDONED);
                let conversation = self.conversation(id, recorded);
                conversation.claimed_by = Some(stored::text(&operator.name));
                conversation.claimed_by_id = Some(stored::text(&operator.id));
                conversation.human_requested = false;
                conversation.handed_over = true;
            }
            E::Released { .. } => {
                let conversation = self.conversation(id, recorded);
                conversation.claimed_by = None;
                conversation.claimed_by_id = None;
            }
            E::Closed { .. } => {
                self.end_turn(id, recorded, Outcome::ABANDONED);
                let conversation = self.conversation(id, recorded);
                conversation.closed = true;
                conversation.claimed_by = None;
                conversation.claimed_by_id = None;
                conversation.human_requested = false;
            }
        }
    }

    /// The row of the conversation, new when the event is the first that is seen of it.
    fn conversation(&mut self, id: &str, recorded: &Recorded) -> &mut Conversation {
        let at = recorded.attributes.time.to_offset_date_time();
        self.conversations.entry(id.to_owned()).or_insert_with(|| Conversation {
            agent_id: recorded.subject.agent_id().map(|id| id.to_string()).unwrap_or_default(),
            workspace_id: stored::workspace_id(recorded),
            visitor_id: recorded
                .subject
                .visitor_id()
                .map(|id| id.to_string())
                .unwrap_or_default(),
            partition: stored::partition(recorded.position.partition),
            started_at: at,
            last_message_at: at,
            claimed_by: None,
            claimed_by_id: None,
            human_requested: false,
            closed: false,
            message_count: 0,
            low_confidence_count: 0,
            answered: false,
            handed_over: false,
            satisfaction: None,
            page_url: None,
            locale: None,
            preview: None,
            open_message_id: None,
            open_answer_id: None,
        })
    }

    fn said(&mut self, id: &str, message_id: &str, recorded: &Recorded, mut message: Message) {
        (message.partition, message.sequence) = stored::position(recorded.position);
        let conversation = self.conversation(id, recorded);
        conversation.message_count += 1;
        conversation.last_message_at = message.created_at;
        conversation.preview = Some(stored::preview(&message.content, PREVIEW_CHARS_MAX));
        self.messages
            .entry((id.to_owned(), message_id.to_owned()))
            .or_insert(message);
    }

    /// Ends the turn `answer_id`, if it is the open one; answers the message that opened it.
    fn close_turn(&mut self, id: &str, recorded: &Recorded, answer_id: &str, outcome: Outcome) -> Option<String> {
        let is_open = self.conversation(id, recorded).open_answer_id.as_deref() == Some(answer_id);
        if is_open {
            self.end_turn(id, recorded, outcome)
        } else {
            None
        }
    }

    /// Ends the open turn, whichever it is; answers the message that opened it.
    fn end_turn(&mut self, id: &str, recorded: &Recorded, outcome: Outcome) -> Option<String> {
        let conversation = self.conversation(id, recorded);
        conversation.open_answer_id = None;
        let message_id = conversation.open_message_id.take()?;
        self.outcomes.insert((id.to_owned(), message_id.clone()), outcome);
        Some(message_id)
    }
}

impl Outcome {
    const ANSWERED: Self = Self {
        status: "answered",
        failure_code: None,
    };
    const ABANDONED: Self = Self {
        status: "abandoned",
        failure_code: None,
    };

    fn failed(code: &str) -> Self {
        Self {
            status: "failed",
            failure_code: Some(stored::text(code)),
        }
    }
}

fn plain(role: &'static str, status: &'static str, content: &str, at: Timestamp) -> Message {
    Message {
        role,
        content: stored::text(content),
        citations: Value::Array(Vec::new()),
        low_confidence: None,
        finish_reason: None,
        author: None,
        answerer: None,
        page_url: None,
        created_at: at.to_offset_date_time(),
        status,
        answer_to: None,
        first_token_ms: None,
        partition: 0,
        sequence: 0,
    }
}

const fn finish_reason_name(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Complete => "complete",
        FinishReason::Stopped => "stopped",
        FinishReason::Length => "length",
    }
}

const fn rating_name(rating: Rating) -> &'static str {
    match rating {
        Rating::Up => "up",
        Rating::Down => "down",
    }
}

const fn satisfaction_name(satisfaction: Satisfaction) -> &'static str {
    match satisfaction {
        Satisfaction::Good => "good",
        Satisfaction::Bad => "bad",
    }
}
