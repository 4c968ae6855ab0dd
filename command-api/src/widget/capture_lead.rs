//! `POST /leads`: the visitor says how to be reached.
//!
//! Contract, "POST /v1/widget/leads": deduplicated on (agent, e-mail), five a minute per token.

use axum::extract::State;
use edge::{Committed, extract::Json};
use events::{
    LeadId, Subject,
    lead::{Command, Lead},
};
use serde::Serialize;

use super::lead_form::{LeadForm, LeadRequest};
use crate::{app::App, error::ApiError, guard::visitor::LeadVisitor};

/// The lead that the submission belongs to.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CapturedLead {
    lead_id: LeadId,
    status: LeadStatus,
}

/// Whether the address was known to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadStatus {
    Created,
    Updated,
}

/// Stores a submission of the lead form; a repeat with the same e-mail address updates the lead.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/leads", tag = "widget", request_body = LeadRequest,
    responses((status = 201, body = CapturedLead), (status = 200, body = CapturedLead, description = "Updated")),
)]
#[tracing::instrument(name = "widget.lead.capture", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn capture_lead(
    State(app): State<App>,
    LeadVisitor(visitor): LeadVisitor,
    Json(request): Json<LeadRequest>,
) -> Result<Committed<CapturedLead>, ApiError> {
    let LeadForm {
        email,
        name,
        phone,
        fields,
        consent,
    } = request.checked(&visitor.agent)?;
    let lead_id = LeadId::derive(&app.log.identity().key, visitor.agent_id, email.expose());
    let known = app.log.lead_exists(visitor.agent_id, lead_id).await?;

    let subject = Subject::Lead {
        agent_id: visitor.agent_id,
        visitor_id: visitor.visitor_id,
        lead_id,
    };
    let conversation_id = visitor.conversation_id;
    let command = Command::Capture {
        conversation_id,
        email,
        name,
        phone,
        fields,
        consent,
        at: app.now(),
    };
    let stored = app.execute::<Lead>(&subject, command, visitor.meta()).await;
    visitor.settle(&app).await?;
    let receipt = stored?;
    // Two at once are both told that nobody knew the address: of one visitor's the second is known by its number.
    Ok(if known || receipt.state.submissions() > 1 {
        Committed::ok(
            receipt.position,
            CapturedLead {
                lead_id,
                status: LeadStatus::Updated,
            },
        )
    } else {
        Committed::created(
            receipt.position,
            CapturedLead {
                lead_id,
                status: LeadStatus::Created,
            },
        )
    })
}
