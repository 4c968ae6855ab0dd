//! What is left of visitors after their erasure, and nobody waits for who could notice.
//!
//! - A NATS server that is paused has writes in its sockets. Their callers are told that the log is away, and are served by
//!   another server of the cluster; when the first one goes on, it stores what it has.
//! - An erasure broke off, and was not asked for again.
//! - A responder was writing an answer, or saving a snapshot, while the visitor was erased.
//!
//! So somebody looks again, some time after each erasure. A write whose caller still waits is settled at once, see
//! [`crate::guard::visitor::Visitor::settle`].

use std::time::Duration;

use events::{Timestamp, cloud_event::Meta, log::LogError};

use crate::app::App;

/// How long after an erasure is looked again.
const LOOKS: [Duration; 3] = [Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(10)];

const TICK: Duration = Duration::from_secs(2);

/// Looks until the drain.
pub(crate) async fn watch(app: App) {
    let drain = app.tasks.drain_token();
    let mut looked = app.now();
    while tokio::time::timeout(TICK, drain.cancelled()).await.is_err() {
        let now = app.now();
        match look(&app, looked, now).await {
            Ok(()) => looked = now,
            Err(error) => tracing::warn!(%error, "what is left of erased visitors is looked for again in a moment"),
        }
    }
}

/// Looks for what is left of those whose time came after `earlier`.
async fn look(app: &App, earlier: Timestamp, now: Timestamp) -> Result<(), LogError> {
    for late in LOOKS {
        for erased in app.revocations.between(earlier.minus(late), now.minus(late)) {
            let _turn = app.late_erasures.acquire().await;
            let own = (erased.visitor_id, &erased.conversations);
            // A tombstone without a workspace is of no tenant: a team that keeps a copy would never hear of it.
            let meta = Meta {
                workspace_id: app.directory.agent(erased.agent_id).map(|agent| agent.workspace_id),
                ..Meta::default()
            };
            let finished = app.log.finish_erasure(erased.agent_id, own, &meta).await?;
            if finished.is_some() {
                tracing::warn!(visitor.id = %erased.visitor_id, "what was left of an erased visitor is gone as well");
            }
        }
    }
    Ok(())
}
