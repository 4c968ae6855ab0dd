//! `DELETE /api/v1/agents/{agent_id}/documents?url=`

use axum::extract::State;
use edge::extract::{Path, Query};
use events::{AgentId, DocumentId, Subject, document::DocumentEvent};

use super::{
    knowledge::canonical_url, put_document::known_document, read_agent::visible_agent, read_document::DocumentQuery,
};
use crate::{app::App, committed::Recorded, error::ApiError, guard::operator::Admin, metrics};

/// Takes a page out of an agent's knowledge.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `document_not_found`, `log_unavailable`.
#[utoipa::path(
    delete, path = "/agents/{agent_id}/documents", tag = "admin",
    params(("agent_id" = AgentId, Path), DocumentQuery),
    responses((status = 204)),
)]
#[tracing::instrument(name = "admin.document.delete", skip_all, fields(agent.id = %agent_id))]
pub async fn delete_document(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(agent_id): Path<AgentId>,
    Query(query): Query<DocumentQuery>,
) -> Result<Recorded, ApiError> {
    let agent = visible_agent(&app, &caller, agent_id)?;
    let url = canonical_url(&query.url).ok_or(ApiError::DocumentNotFound)?;
    let subject = Subject::Document {
        agent_id,
        document_id: DocumentId::derive(agent_id, &url),
    };
    if known_document(&app, &subject).await?.is_none() {
        return Err(ApiError::DocumentNotFound);
    }
    let event = DocumentEvent::Removed { url, at: app.now() };
    let meta = caller.meta(agent.workspace_id);
    let position = metrics::timed("document", app.log.append(&subject, &[event], &meta)).await?;
    Ok(Recorded(position))
}
