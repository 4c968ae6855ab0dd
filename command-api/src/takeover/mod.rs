//! A person of the site's team takes a conversation over, answers, and gives it back.

pub mod claim;
pub mod close;
pub mod release;
pub mod reply;

use events::{
    ConversationId, Subject,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation},
    log::Receipt,
};
use serde::Serialize;

use crate::{app::App, error::ApiError, guard::operator::Caller};

/// A conversation that the caller may act in.
struct Target {
    subject: Subject,
    conversation_id: ConversationId,
    meta: Meta,
}

/// Who has the conversation now.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Holding {
    conversation_id: ConversationId,
    /// The name of the person; none when the agent answers, or nobody.
    claimed_by: Option<String>,
    closed: bool,
}

impl Target {
    /// Finds the conversation; one of another workspace does not exist.
    ///
    /// # Errors
    /// `conversation_not_found`, `log_unavailable`.
    async fn find(app: &App, caller: &Caller, id: &str) -> Result<Self, ApiError> {
        let conversation_id: ConversationId = id.parse().map_err(|_| ApiError::ConversationNotFound)?;
        let found = app.log.find_conversation(conversation_id).await?;
        let subject = found.ok_or(ApiError::ConversationNotFound)?;
        let agent = subject.agent_id().and_then(|agent_id| app.directory.agent(agent_id));
        let agent = agent
            .filter(|agent| caller.may_see(agent.workspace_id))
            .ok_or(ApiError::ConversationNotFound)?;
        Ok(Self {
            subject,
            conversation_id,
            meta: caller.meta(agent.workspace_id),
        })
    }

    async fn act(&self, app: &App, action: Action) -> Result<Receipt<Conversation>, ApiError> {
        app.execute::<Conversation>(&self.subject, Command { at: app.now(), action }, &self.meta)
            .await
    }

    fn holding(&self, state: &Conversation) -> Holding {
        Holding {
            conversation_id: self.conversation_id,
            claimed_by: state.claimed_by().map(|person| person.name.clone()),
            closed: state.is_closed(),
        }
    }
}
