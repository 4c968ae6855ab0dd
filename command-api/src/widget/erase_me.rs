//! `DELETE /me`: the visitor is forgotten.
//!
//! The log forgets before this answers; read models follow as the tombstone reaches them. The receipt names it.

use std::{collections::HashSet, time::Duration};

use axum::extract::State;
use edge::Committed;
use events::{ReceiptId, conversation::Conversation, log::Erasure};
use serde::Serialize;

use super::stop_message::tell_responder;
use crate::{
    app::App,
    error::ApiError,
    guard::visitor::{LeavingVisitor, Visitor},
};

/// How long this instance may take to learn what it has just revoked.
const REVOCATION_PATIENCE: Duration = Duration::from_secs(1);

/// The proof of an erasure.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErasureReceipt {
    receipt_id: ReceiptId,
    /// A read model that has passed this position has forgotten the visitor.
    position: String,
}

/// Erases everything that is known of the visitor. The token is dead afterwards.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `log_unavailable`; repeating it finishes what was begun.
#[utoipa::path(delete, path = "/me", tag = "widget", responses((status = 202, body = ErasureReceipt)))]
#[tracing::instrument(name = "widget.me.erase", skip_all, fields(visitor.id = %visitor.visitor_id))]
pub async fn erase_me(
    State(app): State<App>,
    LeavingVisitor(visitor): LeavingVisitor,
) -> Result<Committed<ErasureReceipt>, ApiError> {
    let (agent_id, visitor_id, meta) = (visitor.agent_id, visitor.visitor_id, visitor.meta());
    let conversation = app.log.load::<Conversation>(&visitor.conversation()).await?;
    let erased = if visitor.is_revoked(&app) {
        // The token dies first: whoever was then told that the log is away has to be able to ask again.
        let own = HashSet::from([visitor.conversation_id]);
        let finished = app.log.finish_erasure(agent_id, (visitor_id, &own), meta).await?;
        finished.ok_or(ApiError::Unauthorized)?
    } else {
        app.log.erase_visitor(agent_id, visitor_id, meta).await?
    };
    if let Some(answer_id) = conversation.state.last_turn() {
        // It has nowhere to go, and whoever watches it should not see more of it.
        tell_responder(&app.log, visitor.conversation(), answer_id).await;
    }
    let Erasure { receipt_id, position } = erased;
    let revoked = tokio::time::timeout(REVOCATION_PATIENCE, wait_until_revoked(&app, &visitor)).await;
    if revoked.is_err() {
        tracing::warn!(visitor.id = %visitor.visitor_id, "a revocation is not known here yet");
    }
    Ok(Committed::accepted(
        position,
        ErasureReceipt {
            receipt_id,
            position: position.to_string(),
        },
    ))
}

async fn wait_until_revoked(app: &App, visitor: &Visitor) {
    while !visitor.is_revoked(app) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
