//! `GET /conversations`: the visitor's own, newest first.

use axum::extract::State;
use edge::{Data, extract::Query};
use events::{
    ConversationId, Personal, Timestamp,
    conversation::Conversation,
    visitor::{StartedConversation, Visitor as VisitorState},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::read_conversation::ConversationState;
use crate::{app::App, error::ApiError, guard::visitor::Visitor};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;
const PREVIEW_CHARS: usize = 120;

/// Conversations that are read from the log at a time.
const AT_ONCE: usize = 8;

/// How many.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConversationsQuery {
    /// 1 to 100, 20 without it.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// One of the visitor's conversations.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ConversationSummary {
    conversation_id: ConversationId,
    state: ConversationState,
    started_at: Timestamp,
    last_message_at: Option<Timestamp>,
    /// The beginning of the last visible message.
    #[schema(value_type = Option<String>)]
    preview: Option<Personal<String>>,
}

/// The visitor's conversations, newest first; at most the last hundred.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    get, path = "/conversations", tag = "widget", params(ConversationsQuery),
    responses((status = 200, body = Vec<ConversationSummary>)),
)]
#[tracing::instrument(name = "widget.conversations.list", skip_all)]
pub async fn list_conversations(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<ConversationsQuery>,
) -> Result<Data<Vec<ConversationSummary>>, ApiError> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::field("limit", "must lie between 1 and 100"));
    }
    let state = app.log.load::<VisitorState>(&visitor.subject()).await?.state;
    let newest: Vec<StartedConversation> = state.conversations().take(limit).collect();
    let (app, visitor) = (&app, &visitor);
    let summaries = stream::iter(newest)
        .map(|started| async move { summary(app, visitor, started).await })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Data { data: summaries })
}

async fn summary(
    app: &App,
    visitor: &Visitor,
    StartedConversation {
        conversation_id,
        started_at,
    }: StartedConversation,
) -> Result<ConversationSummary, ApiError> {
    let state = app
        .log
        .load::<Conversation>(&visitor.conversation_named(conversation_id))
        .await?
        .state;
    let last = state.recent_messages().next_back();
    Ok(ConversationSummary {
        conversation_id,
        state: ConversationState::of(&state),
        started_at,
        last_message_at: state.last_message_at(),
        preview: last.map(|message| {
            message
                .content
                .expose()
                .chars()
                .take(PREVIEW_CHARS)
                .collect::<String>()
                .into()
        }),
    })
}
