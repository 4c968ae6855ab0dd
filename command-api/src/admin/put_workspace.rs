//! `PUT /api/v1/workspaces/{workspace_id}`

use axum::extract::State;
use edge::{
    Committed,
    extract::{Json, Path},
};
use events::{
    Subject, WorkspaceId,
    workspace::{Command, Workspace, WorkspaceDefinition},
};
use serde::Serialize;

use crate::{app::App, checks::Checks, error::ApiError, guard::operator::Admin};

const NAME_CHARS_MAX: usize = 200;

/// A workspace as it is defined.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WorkspaceView {
    pub(super) workspace_id: WorkspaceId,
    #[serde(flatten)]
    pub(super) definition: WorkspaceDefinition,
}

/// Defines a workspace; the same definition again changes nothing.
///
/// # Errors
/// `unauthorized`, `forbidden`, `workspace_not_found` with a token of another workspace, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    put, path = "/workspaces/{workspace_id}", tag = "admin", request_body = WorkspaceDefinition,
    params(("workspace_id" = WorkspaceId, Path)),
    responses((status = 200, body = WorkspaceView), (status = 201, body = WorkspaceView, description = "It is new")),
)]
#[tracing::instrument(name = "admin.workspace.put", skip_all, fields(workspace.id = %workspace_id))]
pub async fn put_workspace(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(workspace_id): Path<WorkspaceId>,
    Json(definition): Json<WorkspaceDefinition>,
) -> Result<Committed<WorkspaceView>, ApiError> {
    if !caller.may_see(workspace_id) {
        return Err(ApiError::WorkspaceNotFound);
    }
    let mut checks = Checks::default();
    checks.line("name", &definition.name, 1..=NAME_CHARS_MAX);
    checks.finish()?;

    let known = app.directory.workspace(workspace_id).is_some();
    let command = Command::Define {
        definition: definition.clone(),
        at: app.now(),
    };
    let subject = Subject::Workspace { workspace_id };
    let receipt = app
        .execute::<Workspace>(&subject, command, &caller.meta(workspace_id))
        .await?;
    app.directory.wait_for(receipt.position.sequence).await?;
    let view = WorkspaceView {
        workspace_id,
        definition,
    };
    Ok(if known {
        Committed::ok(receipt.position, view)
    } else {
        Committed::created(receipt.position, view)
    })
}
