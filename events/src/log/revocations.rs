//! Tokens that died before their time: those of erased visitors, known to every instance within milliseconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Log, LogError, direct_get,
    publish::{Acknowledgement, RequestProblem},
    streams::REVOKED,
};
use crate::{ConversationId, Timestamp, VisitorId};

/// The visitors whose tokens are dead. Cheap to clone; follows the log until the last clone is dropped.
#[derive(Clone)]
pub struct Revocations {
    known: Arc<Known>,
    _follower: Arc<AbortOnDropHandle<()>>,
}

#[derive(Default)]
struct Known {
    revocations: RwLock<HashMap<VisitorId, Revocation>>,
    changes: watch::Sender<()>,
}

/// What of a visitor is revoked.
#[derive(Clone, Serialize, Deserialize)]
struct Revocation {
    at: Timestamp,
    conversations: HashSet<ConversationId>,
}

impl Revocations {
    /// Whether a token that was issued at `issued_at` (in whole seconds) for this conversation is dead. The visitor may come
    /// back in the very second of the erasure, to a new conversation.
    pub fn is_revoked(&self, visitor_id: VisitorId, conversation_id: ConversationId, issued_at: Timestamp) -> bool {
        let known = self.known.revocations.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&visitor_id).is_some_and(|revocation| {
            revocation.conversations.contains(&conversation_id)
                || issued_at.unix_seconds() < revocation.at.unix_seconds()
        })
    }

    /// Whether this conversation's visitor was erased lately.
    pub fn is_forgotten(&self, conversation_id: ConversationId) -> bool {
        let known = self.known.revocations.read().unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .any(|revocation| revocation.conversations.contains(&conversation_id))
    }

    /// The conversations of all visitors who were erased lately.
    pub fn conversations(&self) -> HashSet<ConversationId> {
        let known = self.known.revocations.read().unwrap_or_else(PoisonError::into_inner);
        let conversations = known.values().flat_map(|revocation| &revocation.conversations);
        conversations.copied().collect()
    }

    /// Wakes whenever another visitor is erased.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.known.changes.subscribe()
    }
}

impl Known {
    fn learn(&self, visitor_id: VisitorId, revocation: Revocation) {
        self.revocations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(visitor_id, revocation);
        self.changes.send_replace(());
    }
}

impl Log {
    /// Follows the revocations; returns when those that stand are known.
    ///
    /// # Errors
    /// The log cannot be read.
    #[expect(clippy::disallowed_methods, reason = "the follower ends with its handle")]
    pub async fn revocations(&self) -> Result<Revocations, LogError> {
        let known: Arc<Known> = Arc::default();
        let standing = direct_get::from(self, REVOKED, "revoked.>", 1).await?;
        let from = standing.last().map_or(1, |message| message.sequence + 1);
        let follower = tokio::spawn(follow(self.clone(), Arc::clone(&known), from));
        let revocations = Revocations {
            known,
            _follower: Arc::new(AbortOnDropHandle::new(follower)),
        };
        for message in standing {
            if let Some((visitor_id, revocation)) = decode(&message.subject, &message.payload) {
                revocations.known.learn(visitor_id, revocation);
            }
        }
        Ok(revocations)
    }

    /// Makes the visitor's tokens worthless on every instance.
    pub(super) async fn revoke(
        &self,
        visitor_id: VisitorId,
        conversations: HashSet<ConversationId>,
    ) -> Result<(), LogError> {
        self.up().await?;
        let revocation = Revocation {
            at: self.clock().now(),
            conversations,
        };
        let body = serde_json::to_vec(&revocation)?.into();
        match self
            .request(&format!("revoked.{visitor_id}"), async_nats::HeaderMap::new(), body)
            .await
        {
            Ok(Acknowledgement::Stored { .. }) => Ok(()),
            Ok(Acknowledgement::Refused { error }) => Err(error.into()),
            Err(RequestProblem::Away(error)) => Err(error),
            Err(RequestProblem::Unclear) => Err(LogError::Unacknowledged),
        }
    }
}

async fn follow(log: Log, known: Arc<Known>, mut from: u64) {
    loop {
        if let Err(error) = follow_once(&log, &known, &mut from).await {
            tracing::warn!(%error, "revocations are not followed for a moment");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn follow_once(log: &Log, known: &Known, from: &mut u64) -> Result<(), async_nats::Error> {
    let stream = log.jetstream().get_stream_no_info(REVOKED).await?;
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: *from },
        ..pull::OrderedConfig::default()
    };
    let mut messages = stream.create_consumer(config).await?.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        *from = message.info()?.stream_sequence + 1;
        if let Some((visitor_id, revocation)) = decode(&message.subject, &message.payload) {
            known.learn(visitor_id, revocation);
        }
    }
    Ok(())
}

fn decode(subject: &str, payload: &[u8]) -> Option<(VisitorId, Revocation)> {
    let visitor_id = subject.strip_prefix("revoked.")?.parse().ok()?;
    match serde_json::from_slice(payload) {
        Ok(revocation) => Some((visitor_id, revocation)),
        Err(error) => {
            tracing::error!(%error, visitor.id = %visitor_id, "a revocation cannot be read");
            None
        }
    }
}
