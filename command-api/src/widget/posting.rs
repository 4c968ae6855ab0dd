//! A visitor's message and the turn it belongs to: a new one, the one that a repeat finds, or none while a person answers.

use events::{
    MessageId, Personal, Position,
    conversation::{Action, ConversationEvent},
    tokens::FrameBody,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{app::App, checks::Checks, error::ApiError, guard::visitor::Visitor, relay::Turn};

const MESSAGE_CHARS_MAX: usize = 8_000;
const PAGE_CONTEXT_BYTES_MAX: usize = 16 * 1_024;

/// A message as a client sends it. Unknown fields are ignored.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct MessageRequest {
    /// 1 to 8000 characters.
    message: String,
    /// The page that the visitor is on.
    page_url: Option<String>,
    /// Structured data extracted from the page, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    page_context: Option<Map<String, Value>>,
    /// The client's own name of this message. A repeat of it is the same message: it re-attaches to the same answer.
    client_message_id: Option<String>,
}

/// A message that is in the log.
pub(super) struct Posted {
    pub(super) position: Position,
    pub(super) reply: Reply,
}

/// What answers it.
pub(super) enum Reply {
    /// The agent; `fresh` when this request opened the turn.
    Turn { turn: Box<Turn>, fresh: bool },
    /// A person, some time: `message_id` is the visitor's own message.
    Person { message_id: MessageId },
}

impl MessageRequest {
    /// Appends the message, having subscribed to its answer first, so that no frame is missed.
    ///
    /// # Errors
    /// `validation_failed`, `turn_in_progress`, `conversation_closed`, `log_unavailable`.
    pub(super) async fn post(self, app: &App, visitor: &Visitor) -> Result<Posted, ApiError> {
        let client_message_id = self.client_message_id.clone();
        let (message_id, answer_id) = (MessageId::generate(), MessageId::generate());
        let action = self.into_action(message_id, answer_id)?;
        let turn = follow(app, visitor, answer_id).await?;
        let receipt = visitor.act(app, action).await?;
        let reply = match receipt.events.first() {
            Some(ConversationEvent::MessagePosted { answer_id: Some(_), .. }) => Reply::Turn {
                turn: Box::new(turn),
                fresh: true,
            },
            Some(_) => Reply::Person { message_id },
            None => {
                let post = client_message_id.and_then(|name| receipt.state.post_named(&name).cloned());
                let post = post.ok_or(ApiError::MessageNotFound)?;
                match post.answer_id {
                    Some(answer_id) => {
                        let mut turn = follow(app, visitor, answer_id).await?;
                        turn.catch_up().await;
                        Reply::Turn {
                            turn: Box::new(turn),
                            fresh: false,
                        }
                    }
                    None => Reply::Person {
                        message_id: post.message_id,
                    },
                }
            }
        };
        Ok(Posted {
            position: receipt.position,
            reply,
        })
    }

    fn into_action(self, message_id: MessageId, answer_id: MessageId) -> Result<Action, ApiError> {
        let content = self.message.trim();
        let mut checks = Checks::default();
        checks.text("message", content, 1..=MESSAGE_CHARS_MAX);
        checks.page_url(self.page_url.as_deref());
        if let Some(page_context) = &self.page_context {
            checks.json("page_context", page_context, PAGE_CONTEXT_BYTES_MAX);
        }
        checks.client_message_id(self.client_message_id.as_deref());
        checks.finish()?;
        Ok(Action::PostMessage {
            message_id,
            answer_id,
            client_message_id: self.client_message_id,
            content: Personal::from(content),
            page_url: self.page_url.map(Into::into),
            page_context: self.page_context.map(Into::into),
        })
    }
}

async fn follow(app: &App, visitor: &Visitor, answer_id: MessageId) -> Result<Turn, ApiError> {
    let ids = (visitor.conversation_id, answer_id);
    Turn::follow(&app.log, visitor.conversation(), ids, None)
        .await
        .map_err(ApiError::BusUnavailable)
}

/// What a stream says when no turn was opened.
pub(super) const fn nothing_follows(visitor: &Visitor, message_id: MessageId) -> FrameBody {
    FrameBody::Done {
        conversation_id: visitor.conversation_id,
        message_id,
        finish_reason: None,
        low_confidence: false,
    }
}
