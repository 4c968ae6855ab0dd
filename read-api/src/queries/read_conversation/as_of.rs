//! A conversation as it was: folded from its events up to a place in the log, without a read model's help.

use events::{
    AgentId, ConversationId, LogEvent, Recorded, Subject, WorkspaceId, agent::AgentEvent, visitor::VisitorEvent,
};
use sqlx::Row as _;

use super::{AsOf, ConversationView, fold::Fold};
use crate::{
    access::Reader,
    app::App,
    error::ApiError,
    replay::{Key, Place},
};

const WHOSE: &str = "SELECT agent_id, visitor_id FROM read.conversations WHERE conversation_id = $1";

/// The conversation at `at`, a time or a position. Before it began it does not exist.
pub(super) async fn read(
    app: &App,
    reader: &Reader,
    conversation_id: ConversationId,
    at: &str,
) -> Result<ConversationView, ApiError> {
    let place = Place::parse("at", at, &app.log).await?;
    let subject = find(app, conversation_id)
        .await?
        .ok_or(ApiError::ConversationNotFound)?;
    let (Some(agent_id), Some(visitor_id)) = (subject.agent_id(), subject.visitor_id()) else {
        return Err(ApiError::ConversationNotFound);
    };
    let mut events = app.log.events_of(&Subject::Visitor { agent_id, visitor_id }).await?;
    events.extend(app.log.events_of(&subject).await?);
    // Both are of one partition: the visitor's.
    events.sort_by_key(|recorded| recorded.position.sequence);
    let mut fold = Fold::new(conversation_id, &subject);
    let mut last = None;
    let then = events.iter().take_while(|recorded| place.covers(key(recorded)));
    for recorded in then.filter(|recorded| belongs(recorded, conversation_id)) {
        fold.on(recorded);
        last = Some(recorded);
    }
    let is_visible = |workspace_id: WorkspaceId| reader.may_see(workspace_id);
    let last = last
        .filter(|recorded| recorded.attributes.workspaceid.is_some_and(is_visible))
        .ok_or(ApiError::ConversationNotFound)?;
    Ok(ConversationView {
        as_of: Some(AsOf {
            position: last.position.to_string(),
            agent: agent(app, agent_id, &place).await?,
        }),
        ..fold.view()
    })
}

/// Its subject; only a conversation in which nobody wrote yet has no events of its own to be found by.
async fn find(app: &App, conversation_id: ConversationId) -> Result<Option<Subject>, ApiError> {
    if let Some(subject) = app.log.find_conversation(conversation_id).await? {
        return Ok(Some(subject));
    }
    let row = sqlx::query(WHOSE)
        .bind(conversation_id.to_string())
        .fetch_optional(&app.pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (agent_id, visitor_id): (String, String) = (row.try_get("agent_id")?, row.try_get("visitor_id")?);
    Ok(agent_id
        .parse()
        .ok()
        .zip(visitor_id.parse().ok())
        .map(|(agent_id, visitor_id)| Subject::Conversation {
            agent_id,
            visitor_id,
            conversation_id,
        }))
}

/// The agent's definition then.
async fn agent(
    app: &App,
    agent_id: AgentId,
    place: &Place,
) -> Result<Option<Box<events::agent::AgentDefinition>>, ApiError> {
    let defined = app.log.events_of(&Subject::Agent { agent_id }).await?;
    let then = defined.into_iter().take_while(|recorded| place.covers(key(recorded)));
    Ok(then.last().and_then(|recorded| match recorded.event {
        LogEvent::Agent(AgentEvent::Defined { definition, .. }) => Some(definition),
        _ => None,
    }))
}

fn key(recorded: &Recorded) -> Key {
    Key {
        stored_at: recorded.stored_at.to_offset_date_time(),
        position: recorded.position,
    }
}

fn belongs(recorded: &Recorded, conversation_id: ConversationId) -> bool {
    match &recorded.event {
        LogEvent::Conversation(_) => true,
        LogEvent::Visitor(VisitorEvent::ConversationStarted {
            conversation_id: begun, ..
        }) => *begun == conversation_id,
        _ => false,
    }
}
