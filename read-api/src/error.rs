//! Everything that a caller can be refused with: one table of status, code and wait.

use std::time::Duration;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use edge::{Answer, BadInput, Failure, failure_response};
use events::log::LogError;

/// Why a request was refused or failed. The text is a sentence for the caller; the cause is for the request log.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    BadInput(#[from] BadInput),
    #[error("A token is missing, or it is not valid any more.")]
    Unauthorized,
    #[error("The token does not allow this.")]
    Forbidden,
    #[error("There is no such agent.")]
    AgentNotFound,
    #[error("There is no such workspace.")]
    WorkspaceNotFound,
    #[error("There is no such conversation.")]
    ConversationNotFound,
    #[error("There is no such erasure, or it has not been seen by the read models yet.")]
    ErasureNotFound,
    #[error("There is no such event type.")]
    SchemaNotFound,
    #[error("The read models have not got that far yet.")]
    ProjectionBehind,
    #[error("The request took too long.")]
    TimedOut,
    #[error("The read models cannot be read right now.")]
    DatabaseUnavailable(#[from] sqlx::Error),
    #[error("The log cannot be read right now.")]
    LogUnavailable(#[from] LogError),
    #[error("The log cannot be read right now.")]
    ReplayUnavailable(#[source] async_nats::Error),
}

impl Failure for ApiError {
    fn answer(&self) -> Answer {
        let soon = Duration::from_secs(1);
        match self {
            Self::BadInput(bad) => bad.answer(),
            Self::Unauthorized => Answer::new(StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => Answer::new(StatusCode::FORBIDDEN, "forbidden"),
            Self::AgentNotFound => Answer::new(StatusCode::NOT_FOUND, "agent_not_found"),
            Self::WorkspaceNotFound => Answer::new(StatusCode::NOT_FOUND, "workspace_not_found"),
            Self::ConversationNotFound => Answer::new(StatusCode::NOT_FOUND, "conversation_not_found"),
            Self::ErasureNotFound => Answer::new(StatusCode::NOT_FOUND, "erasure_not_found"),
            Self::SchemaNotFound => Answer::new(StatusCode::NOT_FOUND, "schema_not_found"),
            Self::ProjectionBehind => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "projection_behind").after(soon),
            Self::TimedOut => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "timeout").after(soon),
            Self::DatabaseUnavailable(_) => {
                Answer::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").after(soon)
            }
            Self::LogUnavailable(error) => {
                Answer::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable").after(error.retry_after())
            }
            Self::ReplayUnavailable(_) => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable").after(soon),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        failure_response(self)
    }
}
