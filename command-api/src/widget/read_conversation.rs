//! `GET /conversation`: where the token's conversation stands.

use axum::extract::State;
use edge::Data;
use events::{ConversationId, Timestamp, conversation::Conversation};
use serde::Serialize;

use super::init::ActiveMessage;
use crate::{app::App, error::ApiError, guard::visitor::Visitor};

/// A conversation without its messages.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ConversationView {
    conversation_id: ConversationId,
    state: ConversationState,
    /// The name of the person who has it.
    claimed_by: Option<String>,
    /// The visitor asked for a person and none came yet.
    human_requested: bool,
    /// Messages of all time, cleared ones included.
    message_count: u64,
    last_message_at: Option<Timestamp>,
    cleared_at: Option<Timestamp>,
    /// An answer that is being written right now.
    active_message: Option<ActiveMessage>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConversationState {
    /// The agent.
    Open,
    /// A person.
    Claimed,
    /// Nobody any more.
    Closed,
}

impl ConversationState {
    pub(super) const fn of(conversation: &Conversation) -> Self {
        match (conversation.is_closed(), conversation.claimed_by()) {
            (true, _) => Self::Closed,
            (false, Some(_)) => Self::Claimed,
            (false, None) => Self::Open,
        }
    }
}

/// The conversation that the token is for.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `log_unavailable`.
#[utoipa::path(get, path = "/conversation", tag = "widget", responses((status = 200, body = ConversationView)))]
#[tracing::instrument(name = "widget.conversation.read", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn read_conversation(State(app): State<App>, visitor: Visitor) -> Result<Data<ConversationView>, ApiError> {
    let state = app.log.load::<Conversation>(&visitor.conversation()).await?.state;
    Ok(Data {
        data: ConversationView {
            conversation_id: visitor.conversation_id,
            state: ConversationState::of(&state),
            claimed_by: state.claimed_by().map(|person| person.name.clone()),
            human_requested: state.is_human_requested(),
            message_count: state.messages(),
            last_message_at: state.last_message_at(),
            cleared_at: state.cleared_at(),
            active_message: ActiveMessage::of(&state),
        },
    })
}
