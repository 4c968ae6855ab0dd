//! `POST /messages`: the visitor writes and gets the whole answer at once.
//!
//! Contract, "POST /v1/widget/messages". For clients that cannot read a stream; the turn is the same.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use edge::{Committed, extract::Json};
use events::{
    ConversationId, MessageId, Personal, Position,
    conversation::{Citation, Conversation, FinishReason},
    tokens::FrameKind,
};
use serde::Serialize;

use super::posting::{MessageRequest, Posted, Reply};
use crate::{
    app::App, committed::message_id_header, draining::drained, error::ApiError, guard::visitor::Visitor, relay::Turn,
};

/// The whole answer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SyncAnswer {
    message_id: MessageId,
    conversation_id: ConversationId,
    /// Empty while a person of the team has the conversation: they answer when they can.
    #[schema(value_type = String)]
    content: Personal<String>,
    citations: Vec<Citation>,
    low_confidence: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<FinishReason>,
}

/// Posts a message and waits for its answer.
///
/// # Errors
/// As for the stream, and `answer_pending` when the answer takes longer (it can still be read by the id in
/// `Diagent-Message-Id`), `answer_failed` when there is none.
#[utoipa::path(
    post, path = "/messages", tag = "widget", request_body = MessageRequest,
    responses(
        (status = 200, body = SyncAnswer),
        (status = 504, description = "`answer_pending`: read it later by the id in `Diagent-Message-Id`"),
    ),
)]
#[tracing::instrument(name = "widget.message.post", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn post_message(
    State(app): State<App>,
    visitor: Visitor,
    Json(request): Json<MessageRequest>,
) -> Result<Response, ApiError> {
    let Posted { position, reply } = request.post(&app, &visitor).await?;
    let answer = match reply {
        Reply::Turn { mut turn, .. } => wait(&app, &visitor, &mut turn).await?,
        Reply::Person { message_id } => SyncAnswer::empty(&visitor, message_id),
    };
    Ok(respond(position, answer))
}

async fn wait(app: &App, visitor: &Visitor, turn: &mut Turn) -> Result<SyncAnswer, ApiError> {
    let answer_id = turn.answer_id();
    let last = tokio::select! {
        last = turn.finish() => last,
        () = tokio::time::sleep(app.sync_answer_timeout) => None,
        () = drained(app.clone(), answer_id) => None,
    };
    match last.map(|line| line.kind) {
        Some(FrameKind::Done) => read(app, visitor, answer_id).await,
        Some(_) => Err(ApiError::AnswerFailed { answer_id }),
        None => Err(ApiError::AnswerPending { answer_id }),
    }
}

/// The answer as the log has it: it is there before the last frame is sent.
async fn read(app: &App, visitor: &Visitor, answer_id: MessageId) -> Result<SyncAnswer, ApiError> {
    let state = app.log.load::<Conversation>(&visitor.conversation()).await?.state;
    let Some(message) = state.recent_messages().find(|message| message.id == answer_id) else {
        // Cleared, closed or taken over meanwhile.
        return Ok(SyncAnswer::empty(visitor, answer_id));
    };
    Ok(SyncAnswer {
        message_id: answer_id,
        conversation_id: visitor.conversation_id,
        content: message.content.clone(),
        citations: message.citations.clone(),
        low_confidence: message.low_confidence.unwrap_or(false),
        finish_reason: message.finish_reason,
    })
}

fn respond(position: Position, answer: SyncAnswer) -> Response {
    let message_id = answer.message_id;
    let mut response = Committed::ok(position, answer).into_response();
    response.headers_mut().extend([message_id_header(message_id)]);
    response
}

impl SyncAnswer {
    fn empty(visitor: &Visitor, message_id: MessageId) -> Self {
        Self {
            message_id,
            conversation_id: visitor.conversation_id,
            content: Personal::default(),
            citations: Vec::new(),
            low_confidence: false,
            finish_reason: None,
        }
    }
}
