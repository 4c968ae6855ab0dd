//! What is known of one conversation: enough to decide, to resume, and to prompt a model.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Citation, ConversationEvent, FinishReason, Operator, Rating};
use crate::{MessageId, Personal, Timestamp};

/// Messages that the state keeps with their text: what `init` answers.
pub const RECENT_MESSAGES: usize = 30;

/// Messages that the state knows by name, so that a late repeat or a late verdict still finds its message.
const REMEMBERED_MESSAGES: usize = 500;

/// The state of a conversation after its events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Conversation {
    /// Oldest first, none from before the last clear.
    pub(super) recent: VecDeque<Message>,
    /// Posts by the client's own name, oldest first.
    pub(super) posts: VecDeque<Post>,
    /// Ids of answers and replies, oldest first.
    pub(super) answers: VecDeque<MessageId>,
    pub(super) open_turn: Option<OpenTurn>,
    pub(super) claimed_by: Option<Operator>,
    pub(super) human_requested: bool,
    pub(super) closed: bool,
    pub(super) cleared_at: Option<Timestamp>,
    pub(super) last_message_at: Option<Timestamp>,
    pub(super) messages: u64,
}

/// One message, as the visitor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub role: Role,
    #[schema(value_type = String)]
    pub content: Personal<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_confidence: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// The name of the person who wrote, for `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    pub created_at: Timestamp,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Visitor,
    Assistant,
    Operator,
}

/// A visitor's message by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    pub message_id: MessageId,
    /// The turn it opened; none while a person had the conversation.
    pub answer_id: Option<MessageId>,
    pub client_message_id: Option<String>,
}

/// A message that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTurn {
    pub message_id: MessageId,
    pub answer_id: MessageId,
    /// What the visitor wrote.
    pub question: Personal<String>,
    pub page_url: Option<Personal<String>>,
    pub page_context: Option<Personal<serde_json::Map<String, serde_json::Value>>>,
    pub stop_requested: bool,
    pub posted_at: Timestamp,
}

impl Conversation {
    /// The last messages since the last clear, oldest first; at most [`RECENT_MESSAGES`].
    pub fn recent_messages(&self) -> impl DoubleEndedIterator<Item = &Message> + ExactSizeIterator {
        self.recent.iter()
    }

    /// The turn that waits for its answer.
    pub const fn open_turn(&self) -> Option<&OpenTurn> {
        self.open_turn.as_ref()
    }

    /// The post that the client gave this name.
    pub fn post_named(&self, client_message_id: &str) -> Option<&Post> {
        self.posts
            .iter()
            .find(|post| post.client_message_id.as_deref() == Some(client_message_id))
    }

    /// The post that opened the turn `answer_id`.
    pub fn post_of_turn(&self, answer_id: MessageId) -> Option<&Post> {
        self.posts.iter().find(|post| post.answer_id == Some(answer_id))
    }

    /// The answer that the last post asked for, given or not; none when a person had the conversation then.
    pub fn last_turn(&self) -> Option<MessageId> {
        self.posts.back().and_then(|post| post.answer_id)
    }

    /// Whether there is an answer or a reply with this id.
    pub fn has_answer(&self, message_id: MessageId) -> bool {
        self.answers.contains(&message_id)
    }

    /// The person who has the conversation.
    pub const fn claimed_by(&self) -> Option<&Operator> {
        self.claimed_by.as_ref()
    }

    /// Whether the visitor asked for a person and none came yet.
    pub const fn is_human_requested(&self) -> bool {
        self.human_requested
    }

    /// Whether it is over.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// When it was last cleared.
    pub const fn cleared_at(&self) -> Option<Timestamp> {
        self.cleared_at
    }

    /// When anyone last wrote.
    pub const fn last_message_at(&self) -> Option<Timestamp> {
        self.last_message_at
    }

    /// How many messages were written, cleared ones included.
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    #[expect(clippy::too_many_lines, reason = "one arm per event: the whole fold on one page")]
    pub(super) fn on(&mut self, event: ConversationEvent) {
        use ConversationEvent as E;
        match event {
            E::MessagePosted {
                message_id,
                answer_id,
                client_message_id,
                content,
                page_url,
                page_context,
                at,
            } => {
                self.posts.push_back(Post {
                    message_id,
                    answer_id,
                    client_message_id,
                });
                keep_last(&mut self.posts, REMEMBERED_MESSAGES);
                self.open_turn = answer_id.map(|answer_id| OpenTurn {
                    message_id,
                    answer_id,
                    question: content.clone(),
                    page_url,
                    page_context,
                    stop_requested: false,
                    posted_at: at,
                });
                self.said(Message::plain(message_id, Role::Visitor, content, at));
            }
            E::MessageAnswered {
                message_id,
                content,
                citations,
                low_confidence,
                finish_reason,
                at,
                ..
            } => {
                self.open_turn = None;
                self.answered(Message {
                    citations,
                    low_confidence: Some(low_confidence),
                    finish_reason: Some(finish_reason),
                    ..Message::plain(message_id, Role::Assistant, content, at)
                });
            }
            E::MessageReplied {
                message_id,
                content,
                operator,
                at,
            } => {
                let message = Message::plain(message_id, Role::Operator, content, at);
                self.answered(Message {
                    author: Some(operator.name),
                    ..message
                });
            }
            E::MessageFailed { .. } => self.open_turn = None,
            E::StopRequested { .. } => self.open_turn.iter_mut().for_each(|turn| turn.stop_requested = true),
            E::MessageRated { message_id, rating, .. } => {
                self.recent
                    .iter_mut()
                    .filter(|message| message.id == message_id)
                    .for_each(|message| message.rating = rating);
            }
            E::Cleared { at } => {
                self.recent.clear();
                self.open_turn = None;
                self.cleared_at = Some(at);
            }
            E::HumanRequested { .. } => self.human_requested = true,
            E::ConversationRated { .. } => {}
            E::Claimed { operator, .. } => {
                self.claimed_by = Some(operator);
                self.human_requested = false;
                self.open_turn = None;
            }
            E::Released { .. } => self.claimed_by = None,
            E::Closed { .. } => {
                self.closed = true;
                self.open_turn = None;
                self.claimed_by = None;
                self.human_requested = false;
            }
        }
    }

    fn answered(&mut self, message: Message) {
        self.answers.push_back(message.id);
        keep_last(&mut self.answers, REMEMBERED_MESSAGES);
        self.said(message);
    }

    fn said(&mut self, message: Message) {
        self.messages += 1;
        self.last_message_at = Some(message.created_at);
        self.recent.push_back(message);
        keep_last(&mut self.recent, RECENT_MESSAGES);
    }
}

impl Message {
    const fn plain(id: MessageId, role: Role, content: Personal<String>, created_at: Timestamp) -> Self {
        Self {
            id,
            role,
            content,
            citations: Vec::new(),
            low_confidence: None,
            finish_reason: None,
            rating: None,
            author: None,
            created_at,
        }
    }
}

/// All visible messages of a conversation, oldest first, from all of its events: the long form of
/// [`Conversation::recent_messages`], for paging back.
pub fn visible_messages(events: impl IntoIterator<Item = ConversationEvent>) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    let mut conversation = Conversation::default();
    for event in events {
        match &event {
            ConversationEvent::Cleared { .. } => all.clear(),
            ConversationEvent::MessageRated { message_id, rating, .. } => {
                all.iter_mut()
                    .filter(|message| message.id == *message_id)
                    .for_each(|message| message.rating = *rating);
            }
            _ => {}
        }
        let before = conversation.messages;
        conversation.on(event);
        if conversation.messages > before {
            all.extend(conversation.recent.back().cloned());
        }
    }
    all
}

fn keep_last<T>(items: &mut VecDeque<T>, most: usize) {
    while items.len() > most {
        items.pop_front();
    }
}
