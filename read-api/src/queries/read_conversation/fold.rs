//! What each event does to a conversation. The read model folds the same events into rows; a test of the whole stack
//! holds both against each other.

use events::{
    ConversationId, LogEvent, MessageId, Recorded, Subject, Timestamp, conversation::ConversationEvent,
    visitor::VisitorEvent,
};
use serde::Serialize;
use serde_json::Value;

use super::{ConversationView, MESSAGES_MAX, MessageRow};
use crate::queries::list_conversations::ConversationRow;

/// A conversation under way.
pub(super) struct Fold {
    conversation: ConversationRow,
    messages: Vec<MessageRow>,
    /// The open turn: the message that opened it, and the answer it waits for.
    open: Option<(String, MessageId)>,
    is_closed: bool,
}

impl Fold {
    pub(super) fn new(conversation_id: ConversationId, subject: &Subject) -> Self {
        let text = |id: Option<String>| id.unwrap_or_default();
        let epoch = time::OffsetDateTime::UNIX_EPOCH;
        Self {
            conversation: ConversationRow {
                conversation_id: conversation_id.to_string(),
                agent_id: text(subject.agent_id().map(|id| id.to_string())),
                visitor_id: text(subject.visitor_id().map(|id| id.to_string())),
                state: "open".to_owned(),
                claimed_by: None,
                claimed_by_id: None,
                human_requested: false,
                message_count: 0,
                low_confidence_count: 0,
                satisfaction: None,
                page_url: None,
                locale: None,
                preview: None,
                started_at: epoch.into(),
                last_message_at: epoch.into(),
                active_at: epoch,
            },
            messages: Vec::new(),
            open: None,
            is_closed: false,
        }
    }

    pub(super) fn on(&mut self, recorded: &Recorded) {
        match &recorded.event {
            LogEvent::Visitor(VisitorEvent::ConversationStarted {
                locale, page_url, at, ..
            }) => {
                self.conversation.started_at = *at;
                self.conversation.last_message_at = *at;
                self.conversation.locale.clone_from(locale);
                self.conversation.page_url = page_url.as_ref().map(|url| url.expose().clone());
            }
            LogEvent::Conversation(event) => self.on_conversation(event),
            _ => {}
        }
    }

    /// What there was of it.
    pub(super) fn view(mut self) -> ConversationView {
        let state = if self.is_closed {
            "closed"
        } else if self.conversation.claimed_by.is_some() {
            "claimed"
        } else {
            "open"
        };
        state.clone_into(&mut self.conversation.state);
        self.messages.sort_by_key(|message| message.created_at);
        self.messages.truncate(MESSAGES_MAX);
        ConversationView {
            conversation: self.conversation,
            messages: self.messages,
            as_of: None,
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per event: the whole fold on one page")]
    fn on_conversation(&mut self, event: &ConversationEvent) {
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
                self.end_turn("abandoned", None);
                self.said(MessageRow {
                    page_url: page_url.as_ref().map(|url| url.expose().clone()),
                    ..plain(*message_id, "visitor", content.expose(), *at)
                });
                self.open = answer_id.map(|answer_id| (message_id.to_string(), answer_id));
            }
            E::MessageAnswered {
                message_id,
                content,
                citations,
                low_confidence,
                finish_reason,
                first_token_ms,
                at,
                ..
            } => {
                self.close_turn(*message_id, "answered", None);
                self.said(MessageRow {
                    citations: serde_json::to_value(citations).unwrap_or_default(),
                    low_confidence: Some(*low_confidence),
                    finish_reason: name(finish_reason),
                    first_token_ms: first_token_ms.and_then(|ms| i64::try_from(ms).ok()),
                    status: "answered".to_owned(),
                    ..plain(*message_id, "assistant", content.expose(), *at)
                });
                self.conversation.low_confidence_count += i64::from(*low_confidence);
            }
            E::MessageReplied {
                message_id,
                content,
                operator,
                at,
            } => self.said(MessageRow {
                author: Some(operator.name.clone()),
                ..plain(*message_id, "operator", content.expose(), *at)
            }),
            E::MessageFailed { message_id, code, .. } => self.close_turn(*message_id, "failed", Some(code)),
            E::StopRequested { .. } => {}
            E::MessageRated { message_id, rating, .. } => {
                let id = message_id.to_string();
                if let Some(message) = self.messages.iter_mut().find(|message| message.message_id == id) {
                    message.rating = rating.as_ref().and_then(name);
                }
            }
            E::Cleared { .. } => {
                self.end_turn("abandoned", None);
                self.messages.iter_mut().for_each(|message| message.cleared = true);
            }
            E::HumanRequested { .. } => self.conversation.human_requested = true,
            E::ConversationRated { rating, .. } => self.conversation.satisfaction = name(rating),
            E::Claimed { operator, .. } => {
                self.end_turn("abandoned", None);
                self.conversation.claimed_by = Some(operator.name.clone());
                self.conversation.claimed_by_id = Some(operator.id.clone());
                self.conversation.human_requested = false;
            }
            E::Released { .. } => {
                self.conversation.claimed_by = None;
                self.conversation.claimed_by_id = None;
            }
            E::Closed { .. } => {
                self.end_turn("abandoned", None);
                self.is_closed = true;
                self.conversation.claimed_by = None;
                self.conversation.claimed_by_id = None;
                self.conversation.human_requested = false;
            }
        }
    }

    fn said(&mut self, message: MessageRow) {
        self.conversation.message_count += 1;
        self.conversation.last_message_at = message.created_at;
        self.messages.push(message);
    }

    /// Ends the turn `answer_id`, if it is the open one.
    fn close_turn(&mut self, answer_id: MessageId, status: &str, code: Option<&str>) {
        if self.open.as_ref().is_some_and(|(_, open)| *open == answer_id) {
            self.end_turn(status, code);
        }
    }

    /// Ends the open turn, whichever it is.
    fn end_turn(&mut self, status: &str, code: Option<&str>) {
        let Some((message_id, _)) = self.open.take() else {
            return;
        };
        if let Some(message) = self
            .messages
            .iter_mut()
            .find(|message| message.message_id == message_id)
        {
            status.clone_into(&mut message.status);
            message.failure_code = code.map(str::to_owned);
        }
    }
}

fn plain(message_id: MessageId, role: &str, content: &str, at: Timestamp) -> MessageRow {
    MessageRow {
        message_id: message_id.to_string(),
        role: role.to_owned(),
        content: content.to_owned(),
        citations: Value::Array(Vec::new()),
        low_confidence: None,
        finish_reason: None,
        rating: None,
        author: None,
        page_url: None,
        cleared: false,
        status: "posted".to_owned(),
        failure_code: None,
        first_token_ms: None,
        created_at: at,
    }
}

/// The name of a variant, as the log has it.
fn name(variant: &impl Serialize) -> Option<String> {
    match serde_json::to_value(variant) {
        Ok(Value::String(name)) => Some(name),
        _ => None,
    }
}
