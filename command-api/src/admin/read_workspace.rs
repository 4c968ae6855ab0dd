//! `GET /api/v1/workspaces/{workspace_id}`

use axum::extract::State;
use edge::{Data, extract::Path};
use events::WorkspaceId;

use super::put_workspace::WorkspaceView;
use crate::{app::App, error::ApiError, guard::operator::Reader};

/// The workspace as it is defined.
///
/// # Errors
/// `unauthorized`, `forbidden`, `workspace_not_found`.
#[utoipa::path(
    get, path = "/workspaces/{workspace_id}", tag = "admin",
    params(("workspace_id" = WorkspaceId, Path)),
    responses((status = 200, body = WorkspaceView)),
)]
#[tracing::instrument(name = "admin.workspace.read", skip_all, fields(workspace.id = %workspace_id))]
pub async fn read_workspace(
    State(app): State<App>,
    Reader(caller): Reader,
    Path(workspace_id): Path<WorkspaceId>,
) -> Result<Data<WorkspaceView>, ApiError> {
    let definition = app
        .directory
        .workspace(workspace_id)
        .filter(|_| caller.may_see(workspace_id));
    let definition = definition.ok_or(ApiError::WorkspaceNotFound)?;
    Ok(Data {
        data: WorkspaceView {
            workspace_id,
            definition: (*definition).clone(),
        },
    })
}
