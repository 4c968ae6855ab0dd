//! A person of the site's team takes a conversation over, answers, and gives it back.

pub mod announce_typing;
pub mod claim;
pub mod close;
pub mod release;
pub mod reply;

use events::{
    ConversationId, Subject, WorkspaceId,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation},
    log::Receipt,
};
use serde::Serialize;

use crate::{app::App, error::ApiError, guard::operator::Caller, widget::stop_message::tell_responder};

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
        let (subject, workspace_id) = workspace_of(app, conversation_id).await?;
        if !caller.may_see(workspace_id) {
            return Err(ApiError::ConversationNotFound);
        }
        Ok(Self {
            subject,
            conversation_id,
            meta: caller.meta(workspace_id),
        })
    }

    async fn act(&self, app: &App, action: Action) -> Result<Receipt<Conversation>, ApiError> {
        app.execute::<Conversation>(&self.subject, Command { at: app.now(), action }, &self.meta)
            .await
    }

    /// Ends what the responder may be writing. The conversation has no open turn any more, so that whatever of it comes late is
    /// void; but nobody should watch it being written.
    async fn silence(&self, app: &App, receipt: &Receipt<Conversation>) {
        if let (false, Some(answer_id)) = (receipt.events.is_empty(), receipt.state.last_turn()) {
            tell_responder(&app.log, self.subject, answer_id).await;
        }
    }

    fn holding(&self, state: &Conversation) -> Holding {
        Holding {
            conversation_id: self.conversation_id,
            claimed_by: state.claimed_by().map(|person| person.name.clone()),
            closed: state.is_closed(),
        }
    }
}

/// Where a conversation is, and whose.
///
/// # Errors
/// `conversation_not_found`, `log_unavailable`.
pub(crate) async fn workspace_of(
    app: &App,
    conversation_id: ConversationId,
) -> Result<(Subject, WorkspaceId), ApiError> {
    let subject = app.log.find_conversation(conversation_id).await?;
    let subject = subject.ok_or(ApiError::ConversationNotFound)?;
    let agent = subject.agent_id().and_then(|agent_id| app.directory.agent(agent_id));
    let agent = agent.ok_or(ApiError::ConversationNotFound)?;
    Ok((subject, agent.workspace_id))
}
