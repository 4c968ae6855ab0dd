//! Which conversation a visitor gets: the latest open one of the last 24 hours, or a new one that the quota allows.

use std::sync::Arc;

use events::{
    AgentId, ConversationId, Personal, Position, Subject, VisitorId,
    agent::AgentDefinition,
    cloud_event::Meta,
    conversation::Conversation,
    log::Receipt,
    visitor::{Command, RESUME_WINDOW, StartedConversation, Visitor},
};

use crate::{app::App, error::ApiError, guard::quota};

/// Who comes, and with what.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) agent_id: AgentId,
    pub(super) agent: Arc<AgentDefinition>,
    pub(super) visitor_id: VisitorId,
    pub(super) locale: Option<String>,
    pub(super) page_url: Option<Personal<String>>,
    /// A new conversation even when one could be resumed.
    pub(super) force_new: bool,
    pub(super) meta: Meta,
}

/// The conversation that the visitor is in now.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) conversation_id: ConversationId,
    pub(super) state: Arc<Conversation>,
    /// Of the visitor's last event.
    pub(super) position: Position,
}

impl Arrival {
    /// Makes the visitor known and finds the conversation.
    ///
    /// # Errors
    /// `plan_limit_reached`, `log_unavailable`.
    pub(super) async fn welcome(self, app: &App) -> Result<Welcome, ApiError> {
        let (locale, page_url) = (self.locale.clone(), self.page_url.clone());
        let arrived = self
            .execute(
                app,
                Command::Arrive {
                    locale,
                    page_url,
                    at: app.now(),
                },
            )
            .await?;
        let latest = arrived.state.latest_conversation();
        if let Some(latest) = latest.filter(|_| !self.force_new)
            && let Some(state) = self.resumable(app, latest).await?
        {
            return Ok(Welcome {
                conversation_id: latest.conversation_id,
                state,
                position: arrived.position,
            });
        }
        self.start(app, latest).await
    }

    /// The state of `latest` when it is open and young enough.
    async fn resumable(&self, app: &App, latest: StartedConversation) -> Result<Option<Arc<Conversation>>, ApiError> {
        let state = app
            .log
            .load::<Conversation>(&self.conversation(latest.conversation_id))
            .await?
            .state;
        let last = state.last_message_at().unwrap_or(latest.started_at);
        let resumable = !state.is_closed() && app.now().since(last) < RESUME_WINDOW;
        Ok(resumable.then_some(state))
    }

    async fn start(self, app: &App, latest: Option<StartedConversation>) -> Result<Welcome, ApiError> {
        let reserved = quota::reserve(app, self.agent.workspace_id).await?;
        let conversation_id = ConversationId::generate();
        let command = Command::StartConversation {
            conversation_id,
            latest: latest.map(|latest| latest.conversation_id),
            locale: self.locale.clone(),
            page_url: self.page_url.clone(),
            at: app.now(),
        };
        let started = match self.execute(app, command).await {
            Ok(started) => started,
            Err(error) => {
                reserved.give_back(app).await;
                return Err(error);
            }
        };
        let Receipt {
            position,
            events,
            state,
        } = started;
        if !events.is_empty() {
            return Ok(Welcome {
                conversation_id,
                state: Arc::default(),
                position,
            });
        }
        // Another init of the same visitor was faster: both get its conversation.
        reserved.give_back(app).await;
        let conversation_id = state
            .latest_conversation()
            .map_or(conversation_id, |latest| latest.conversation_id);
        let state = app
            .log
            .load::<Conversation>(&self.conversation(conversation_id))
            .await?
            .state;
        Ok(Welcome {
            conversation_id,
            state,
            position,
        })
    }

    async fn execute(&self, app: &App, command: Command) -> Result<Receipt<Visitor>, ApiError> {
        let subject = Subject::Visitor {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
        };
        app.execute::<Visitor>(&subject, command, &self.meta).await
    }

    const fn conversation(&self, conversation_id: ConversationId) -> Subject {
        Subject::Conversation {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
            conversation_id,
        }
    }
}
