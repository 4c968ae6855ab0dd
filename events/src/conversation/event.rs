//! What happens in one conversation.
//!
//! These names and fields are what the log stores: see [`crate::visitor::VisitorEvent`] for the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{MessageId, Personal, Timestamp, upcast};

/// Subject `evt.<partition>.conversation.<agent>.<visitor>.<conversation>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum ConversationEvent {
    /// The visitor wrote.
    #[serde(rename = "diagent.message.posted")]
    MessagePosted {
        message_id: MessageId,
        /// The turn that this opens: `answered` or `failed` with this id closes it. None while a person has the
        /// conversation, since nobody answers by themselves then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_id: Option<MessageId>,
        /// The client's own name of this message; a repeat of it is the same message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_message_id: Option<String>,
        /// What the visitor wrote.
        content: Personal<String>,
        /// The page it was written on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page_url: Option<Personal<String>>,
        /// Structured data from the page; untrusted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page_context: Option<Personal<Map<String, Value>>>,
        at: Timestamp,
    },

    /// The answer is complete, or stopped with what there was. Closes the turn `message_id`.
    #[serde(rename = "diagent.message.answered")]
    MessageAnswered {
        message_id: MessageId,
        /// The answer, as far as it was given.
        content: Personal<String>,
        /// The passages it stands on.
        citations: Vec<Citation>,
        /// Fewer than two passages fitted: the answer says so.
        low_confidence: bool,
        /// How the answer ended.
        finish_reason: FinishReason,
        /// What produced it: `extractive`, or the name of the model.
        answerer: String,
        /// What the model counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<TokenUsage>,
        /// From the start of the turn in the responder to its first token, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_token_ms: Option<u64>,
        at: Timestamp,
    },

    /// No answer came. Closes the turn `message_id`.
    #[serde(rename = "diagent.message.failed")]
    MessageFailed {
        message_id: MessageId,
        /// What the visitor was told, in `snake_case`.
        code: String,
        /// For operators, never shown to visitors.
        reason: String,
        at: Timestamp,
    },

    /// The visitor does not want the rest of the answer `message_id`.
    #[serde(rename = "diagent.message.stop_requested")]
    StopRequested { message_id: MessageId, at: Timestamp },

    /// The visitor's verdict on one answer; none takes it back.
    #[serde(rename = "diagent.message.rated")]
    MessageRated {
        message_id: MessageId,
        /// `up`, `down`, or none: the verdict was taken back.
        rating: Option<Rating>,
        /// What the visitor says about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Personal<String>>,
        at: Timestamp,
    },

    /// A person of the site's team wrote.
    #[serde(rename = "diagent.message.replied")]
    MessageReplied {
        message_id: MessageId,
        /// What the person wrote.
        content: Personal<String>,
        operator: Operator,
        at: Timestamp,
    },

    /// Everything before is hidden from the visitor and from the model; the log keeps it. Ends an open turn.
    #[serde(rename = "diagent.conversation.cleared")]
    Cleared { at: Timestamp },

    /// The visitor asks for a person.
    #[serde(rename = "diagent.conversation.human_requested")]
    HumanRequested {
        /// What the visitor says it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Personal<String>>,
        at: Timestamp,
    },

    /// The visitor's verdict on the conversation.
    #[serde(rename = "diagent.conversation.rated")]
    ConversationRated {
        rating: Satisfaction,
        /// What the visitor says about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Personal<String>>,
        at: Timestamp,
    },

    /// A person of the team took it over; nobody else answers. Ends an open turn.
    #[serde(rename = "diagent.conversation.claimed")]
    Claimed { operator: Operator, at: Timestamp },

    /// The agent answers again.
    #[serde(rename = "diagent.conversation.released")]
    Released { operator: Operator, at: Timestamp },

    /// It is over: nothing is posted any more. Ends an open turn.
    #[serde(rename = "diagent.conversation.closed")]
    Closed { by: ClosedBy, at: Timestamp },
}

/// Where a statement of an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Citation {
    /// The number in the text, from 1.
    pub id: u32,
    /// The page, from the agent's own documents, never from a model's text.
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The passage it stands on, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was said to its end.
    Complete,
    /// The visitor stopped it.
    Stopped,
    /// The model reached its limit of tokens.
    Length,
}

/// What a model counted, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct TokenUsage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

/// A verdict on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    Up,
    Down,
}

/// A verdict on a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Satisfaction {
    Good,
    Bad,
}

/// A person of the site's team, from the operator token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Operator {
    /// The token's `sub`.
    pub id: String,
    /// What the visitor sees; the token's `name`, or else its `sub`.
    pub name: String,
}

/// Who ended a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    Visitor,
    Operator,
}

impl cqrs_es::DomainEvent for ConversationEvent {
    fn event_type(&self) -> String {
        match self {
            Self::MessagePosted { .. } => "diagent.message.posted",
            Self::MessageAnswered { .. } => "diagent.message.answered",
            Self::MessageFailed { .. } => "diagent.message.failed",
            Self::StopRequested { .. } => "diagent.message.stop_requested",
            Self::MessageRated { .. } => "diagent.message.rated",
            Self::MessageReplied { .. } => "diagent.message.replied",
            Self::Cleared { .. } => "diagent.conversation.cleared",
            Self::HumanRequested { .. } => "diagent.conversation.human_requested",
            Self::ConversationRated { .. } => "diagent.conversation.rated",
            Self::Claimed { .. } => "diagent.conversation.claimed",
            Self::Released { .. } => "diagent.conversation.released",
            Self::Closed { .. } => "diagent.conversation.closed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}
