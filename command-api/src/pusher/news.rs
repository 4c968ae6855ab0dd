//! What a channel hears of an event: what a visitor may know, and nothing that only the team or the log needs.

use std::sync::Arc;

use events::{
    ConversationId, LogEvent, MessageId, Position, Recorded, Timestamp,
    conversation::{ClosedBy, ConversationEvent, Message, visible_messages},
};
use serde::Serialize;
use serde_json::value::RawValue;

/// One thing that happened in a conversation.
#[derive(Debug, Clone)]
pub struct News {
    pub conversation_id: ConversationId,
    /// Its name for clients.
    pub event: &'static str,
    /// JSON.
    pub data: Arc<RawValue>,
}

/// A message as `GET /conversation/messages` shows it, and what a second tab needs to follow.
#[derive(Serialize)]
struct Created {
    #[serde(flatten)]
    message: Message,
    /// The sender's own name of it: that tab has it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_message_id: Option<String>,
    /// The answer that can be followed from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_id: Option<MessageId>,
}

#[derive(Serialize)]
struct Failed<'a> {
    message_id: MessageId,
    code: &'a str,
    at: Timestamp,
}

/// The name of the person, never what the token calls them.
#[derive(Serialize)]
struct Handed<'a> {
    claimed_by: Option<&'a str>,
    at: Timestamp,
}

#[derive(Serialize)]
struct Closed {
    by: ClosedBy,
    at: Timestamp,
}

#[derive(Serialize)]
struct At {
    at: Timestamp,
}

/// What all events have.
#[derive(Serialize)]
struct Event<T> {
    conversation_id: ConversationId,
    /// Where it stands in the log, for reads that must see it; what is never stored stands nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(flatten)]
    details: T,
}

impl News {
    /// What is heard of an event in the log; nothing of most verdicts and wishes.
    pub(super) fn of(conversation_id: ConversationId, recorded: &Recorded) -> Option<Self> {
        use ConversationEvent as E;
        let LogEvent::Conversation(event) = &recorded.event else {
            return None;
        };
        let position = Some(recorded.position);
        let news = |event, details| Self::made(conversation_id, position, event, details);
        match event {
            E::MessagePosted { .. } | E::MessageAnswered { .. } | E::MessageReplied { .. } => {
                Self::made(conversation_id, position, "message.created", Created::of(event)?)
            }
            E::MessageFailed {
                message_id, code, at, ..
            } => {
                let (message_id, at) = (*message_id, *at);
                Self::made(
                    conversation_id,
                    position,
                    "message.failed",
                    Failed { message_id, code, at },
                )
            }
            E::Claimed { operator, at } => {
                let (claimed_by, at) = (Some(operator.name.as_str()), *at);
                news("conversation.claimed", Handed { claimed_by, at })
            }
            E::Released { at, .. } => news(
                "conversation.released",
                Handed {
                    claimed_by: None,
                    at: *at,
                },
            ),
            E::Closed { by, at } => Self::made(
                conversation_id,
                position,
                "conversation.closed",
                Closed { by: *by, at: *at },
            ),
            E::Cleared { at } => Self::made(conversation_id, position, "conversation.cleared", At { at: *at }),
            E::HumanRequested { at, .. } => Self::made(
                conversation_id,
                position,
                "conversation.human_requested",
                At { at: *at },
            ),
            E::StopRequested { .. } | E::MessageRated { .. } | E::ConversationRated { .. } => None,
        }
    }

    /// Somebody types; `typing` is the JSON that the bus carried.
    pub(super) fn typing(conversation_id: ConversationId, typing: &[u8]) -> Option<Self> {
        let typing: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(typing).ok()?;
        Self::made(conversation_id, None, "typing", typing)
    }

    /// The visitor was forgotten, and the conversation with them.
    pub(super) fn erased(conversation_id: ConversationId) -> Self {
        let data = format!("{{\"conversation_id\":\"{conversation_id}\"}}");
        Self {
            conversation_id,
            event: "conversation.erased",
            data: RawValue::from_string(data).expect("JSON of an id").into(),
        }
    }

    fn made(
        conversation_id: ConversationId,
        position: Option<Position>,
        event: &'static str,
        details: impl Serialize,
    ) -> Option<Self> {
        let data = Event {
            conversation_id,
            position,
            details,
        };
        match serde_json::value::to_raw_value(&data) {
            Ok(data) => Some(Self {
                conversation_id,
                event,
                data: data.into(),
            }),
            Err(error) => {
                tracing::error!(%error, event, "an event cannot be told");
                None
            }
        }
    }
}

impl Created {
    fn of(event: &ConversationEvent) -> Option<Self> {
        let (client_message_id, answer_id) = match event {
            ConversationEvent::MessagePosted {
                client_message_id,
                answer_id,
                ..
            } => (client_message_id.clone(), *answer_id),
            _ => (None, None),
        };
        Some(Self {
            message: visible_messages([event.clone()]).pop()?,
            client_message_id,
            answer_id,
        })
    }
}
