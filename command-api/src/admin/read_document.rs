//! `GET /api/v1/agents/{agent_id}/documents?url=`: one page as the agent knows it.
//!
//! There is no list here: that is a read model's.

use axum::extract::State;
use edge::{
    Data,
    extract::{Path, Query},
};
use events::{AgentId, DocumentId, Subject};
use serde::Deserialize;

use super::{
    knowledge::canonical_url,
    put_document::{DocumentView, known_document},
    read_agent::visible_agent,
};
use crate::{app::App, error::ApiError, guard::operator::Reader};

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// The address that it was put by.
    pub(super) url: String,
}

/// The page as the agent knows it.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `document_not_found`, `log_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/documents", tag = "admin",
    params(("agent_id" = AgentId, Path), DocumentQuery),
    responses((status = 200, body = DocumentView)),
)]
#[tracing::instrument(name = "admin.document.read", skip_all, fields(agent.id = %agent_id))]
pub async fn read_document(
    State(app): State<App>,
    Reader(caller): Reader,
    Path(agent_id): Path<AgentId>,
    Query(query): Query<DocumentQuery>,
) -> Result<Data<DocumentView>, ApiError> {
    visible_agent(&app, &caller, agent_id)?;
    let url = canonical_url(&query.url).ok_or(ApiError::DocumentNotFound)?;
    let document_id = DocumentId::derive(agent_id, &url);
    let known = known_document(&app, &Subject::Document { agent_id, document_id }).await?;
    let (_, known) = known.ok_or(ApiError::DocumentNotFound)?;
    Ok(Data {
        data: DocumentView {
            document_id,
            url: known.url,
            title: known.title,
            text: known.text,
            updated_at: known.at,
            crawled: known.crawled,
        },
    })
}
