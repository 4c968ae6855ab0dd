//! The month's quota of new conversations. Unlike a limit it fails closed: what a workspace pays for is not given away.

use events::{Timestamp, WorkspaceId, log::Counter};

use crate::{app::App, error::ApiError, metrics};

/// A conversation that was counted and may still be given back.
#[derive(Debug)]
#[must_use = "a conversation that does not begin is given back"]
pub struct Reserved {
    workspace_id: WorkspaceId,
    /// The month may end before it is given back.
    counted_at: Timestamp,
}

/// Counts a conversation of the workspace. It is counted without a limit too, so that one which comes in the middle of a
/// month holds for the whole of it.
///
/// # Errors
/// `plan_limit_reached`, or `log_unavailable` when there is a limit that cannot be checked.
pub async fn reserve(app: &App, workspace_id: WorkspaceId) -> Result<Reserved, ApiError> {
    let limit = app
        .directory
        .workspace(workspace_id)
        .map_or(0, |workspace| workspace.monthly_conversations);
    let counter = Counter::Month { workspace_id };
    let counted_at = app.now();
    let reserved = Reserved {
        workspace_id,
        counted_at,
    };
    match app.log.count(counter, counted_at).await {
        Ok(total) if limit > 0 && total > limit => {
            reserved.give_back(app).await;
            metrics::over_quota();
            Err(ApiError::PlanLimitReached {
                retry_after: counter.resets_after(counted_at),
            })
        }
        Err(error) if limit > 0 => Err(error.into()),
        Ok(_) | Err(_) => Ok(reserved),
    }
}

impl Reserved {
    /// Nothing began: the count goes back. When that fails the workspace is one short, which support can mend.
    pub async fn give_back(self, app: &App) {
        let counter = Counter::Month {
            workspace_id: self.workspace_id,
        };
        if let Err(error) = app.log.refund(counter, self.counted_at).await {
            tracing::warn!(
                workspace.id = %self.workspace_id,
                error = &error as &dyn std::error::Error,
                "a conversation that did not begin stays counted"
            );
        }
    }
}
