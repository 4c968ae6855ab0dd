//! Everything that a caller can be refused with: one table of status, code and wait.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use edge::{Answer, BadInput, Failure, FieldError, failure_response};
use events::{
    MessageId, agent, conversation, lead,
    log::{ExecuteError, LogError},
    visitor, workspace,
};
use serde::Serialize;

use crate::committed::message_id_header;

/// Why a request was refused or failed. The text is a sentence for the caller; the cause is for the request log.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    BadInput(#[from] BadInput),
    #[error("Some fields are not valid.")]
    Invalid { fields: Vec<FieldError> },
    #[error("A token is missing, or it is not valid any more.")]
    Unauthorized,
    #[error("The token does not allow this.")]
    Forbidden,
    #[error("The origin of this request is not allowed for this agent.")]
    OriginForbidden,
    #[error("There is no such agent.")]
    AgentNotFound,
    #[error("There is no such workspace.")]
    WorkspaceNotFound,
    #[error("There is no such conversation.")]
    ConversationNotFound,
    #[error("There is no such message in this conversation.")]
    MessageNotFound,
    #[error("There is no such document.")]
    DocumentNotFound,
    #[error("The agent has no such version.")]
    VersionNotFound,
    #[error("Too many requests.")]
    Throttled { retry_after: Duration },
    #[error("The workspace has used up its conversations of this month.")]
    PlanLimitReached { retry_after: Duration },
    #[error("The previous message is still being answered.")]
    TurnInProgress { answer_id: MessageId },
    #[error("The conversation is closed.")]
    ConversationClosed,
    #[error("Somebody else has taken the conversation over.")]
    ClaimedByAnother { name: String },
    #[error("Nobody has taken the conversation over.")]
    NotClaimed,
    #[error("The agent belongs to another workspace.")]
    AgentInOtherWorkspace,
    #[error("The document is larger than the log takes.")]
    DocumentTooLarge,
    #[error("The answer takes longer than this request can wait; it can still be read.")]
    AnswerPending { answer_id: MessageId },
    #[error("No answer could be given.")]
    AnswerFailed { answer_id: MessageId },
    #[error("This address is for WebSockets.")]
    UpgradeRequired,
    #[error("There are too many connections.")]
    TooManyConnections,
    #[error("The request took too long.")]
    TimedOut,
    #[error("The log cannot be read or written right now.")]
    LogUnavailable(#[from] LogError),
    #[error("A message could not be sent right now.")]
    BusUnavailable(#[source] async_nats::Error),
}

impl ApiError {
    /// One refused field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            fields: vec![FieldError {
                field: field.into(),
                message: message.into(),
            }],
        }
    }

    /// The table.
    fn row(&self) -> (StatusCode, &'static str, Option<Duration>) {
        const SOON: Option<Duration> = Some(Duration::from_secs(1));
        match self {
            Self::BadInput(bad) => {
                let Answer {
                    status,
                    code,
                    retry_after,
                    ..
                } = bad.answer();
                (status, code, retry_after)
            }
            Self::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", None),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", None),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", None),
            Self::OriginForbidden => (StatusCode::FORBIDDEN, "origin_forbidden", None),
            Self::AgentNotFound => (StatusCode::NOT_FOUND, "agent_not_found", None),
            Self::WorkspaceNotFound => (StatusCode::NOT_FOUND, "workspace_not_found", None),
            Self::ConversationNotFound => (StatusCode::NOT_FOUND, "conversation_not_found", None),
            Self::MessageNotFound => (StatusCode::NOT_FOUND, "message_not_found", None),
            Self::DocumentNotFound => (StatusCode::NOT_FOUND, "document_not_found", None),
            Self::VersionNotFound => (StatusCode::NOT_FOUND, "version_not_found", None),
            Self::Throttled { retry_after } => (StatusCode::TOO_MANY_REQUESTS, "throttled", Some(*retry_after)),
            Self::PlanLimitReached { retry_after } => {
                (StatusCode::TOO_MANY_REQUESTS, "plan_limit_reached", Some(*retry_after))
            }
            Self::TurnInProgress { .. } => (StatusCode::CONFLICT, "turn_in_progress", SOON),
            Self::ConversationClosed => (StatusCode::CONFLICT, "conversation_closed", None),
            Self::ClaimedByAnother { .. } => (StatusCode::CONFLICT, "claimed_by_another", None),
            Self::NotClaimed => (StatusCode::CONFLICT, "not_claimed", None),
            Self::AgentInOtherWorkspace => (StatusCode::CONFLICT, "agent_in_other_workspace", None),
            Self::DocumentTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "document_too_large", None),
            Self::AnswerPending { .. } => (StatusCode::GATEWAY_TIMEOUT, "answer_pending", SOON),
            Self::AnswerFailed { .. } => (StatusCode::SERVICE_UNAVAILABLE, "answer_failed", SOON),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "upgrade_required", None),
            Self::TooManyConnections => (StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", SOON),
            Self::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timeout", SOON),
            Self::LogUnavailable(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "log_unavailable",
                Some(error.retry_after()),
            ),
            Self::BusUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", SOON),
        }
    }
}

impl Failure for ApiError {
    fn answer(&self) -> Answer {
        let (status, code, retry_after) = self.row();
        let fields = match self {
            Self::BadInput(bad) => bad.answer().fields,
            Self::Invalid { fields } => fields.clone(),
            _ => Vec::new(),
        };
        Answer {
            status,
            code,
            retry_after,
            fields,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let is_unauthorized = matches!(self, Self::Unauthorized);
        let named = NamedError::of(&self);
        let mut response = failure_response(self);
        if is_unauthorized {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(named) = named {
            if let Named::MessageId(message_id) = named.error.named {
                response.headers_mut().extend([message_id_header(message_id)]);
            }
            if let Ok(body) = serde_json::to_vec(&named) {
                *response.body_mut() = body.into();
            }
        }
        response
    }
}

/// The envelope with what the caller can go on with.
#[derive(Serialize)]
struct NamedError {
    error: NamedDetail,
}

#[derive(Serialize)]
struct NamedDetail {
    code: &'static str,
    message: String,
    request_id: String,
    #[serde(flatten)]
    named: Named,
}

/// What a refusal names beside its code.
#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    /// The answer that the caller can go on to read.
    MessageId(MessageId),
    /// The name of the person who has the conversation.
    ClaimedBy(String),
}

impl NamedError {
    fn of(error: &ApiError) -> Option<Self> {
        let named = match error {
            ApiError::TurnInProgress { answer_id }
            | ApiError::AnswerPending { answer_id }
            | ApiError::AnswerFailed { answer_id } => Named::MessageId(*answer_id),
            ApiError::ClaimedByAnother { name } => Named::ClaimedBy(name.clone()),
            _ => return None,
        };
        let message = match &named {
            Named::MessageId(_) => error.to_string(),
            // The error's own text goes to the request log, where nobody's name belongs.
            Named::ClaimedBy(name) => format!("{name} has taken the conversation over."),
        };
        let (_, code, _) = error.row();
        let request_id = edge::request_id();
        let error = NamedDetail {
            code,
            message,
            request_id,
            named,
        };
        Some(Self { error })
    }
}

impl From<conversation::Refusal> for ApiError {
    fn from(refusal: conversation::Refusal) -> Self {
        use conversation::Refusal as R;
        match refusal {
            R::TurnInProgress { answer_id } => Self::TurnInProgress { answer_id },
            R::Closed => Self::ConversationClosed,
            R::MessageUnknown | R::TurnNotOpen => Self::MessageNotFound,
            R::ClaimedByAnother { name } => Self::ClaimedByAnother { name },
            R::NotClaimed => Self::NotClaimed,
        }
    }
}

impl From<agent::Refusal> for ApiError {
    fn from(refusal: agent::Refusal) -> Self {
        match refusal {
            agent::Refusal::OtherWorkspace => Self::AgentInOtherWorkspace,
        }
    }
}

impl From<visitor::Refusal> for ApiError {
    fn from(refusal: visitor::Refusal) -> Self {
        match refusal {}
    }
}

impl From<lead::Refusal> for ApiError {
    fn from(refusal: lead::Refusal) -> Self {
        match refusal {}
    }
}

impl From<workspace::Refusal> for ApiError {
    fn from(refusal: workspace::Refusal) -> Self {
        match refusal {}
    }
}

impl<R: std::error::Error + 'static> From<ExecuteError<R>> for ApiError
where
    Self: From<R>,
{
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::Log(error) => error.into(),
        }
    }
}
