//! Tokens that died before their time: those of erased visitors, known to every instance within milliseconds.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Log, LogError, at_start, direct_get,
    publish::{Acknowledgement, RequestProblem},
    streams::REVOKED,
};
use crate::{AgentId, ConversationId, Timestamp, VisitorId};

/// The visitors whose tokens are dead. Cheap to clone; follows the log until the last clone is dropped.
#[derive(Clone)]
pub struct Revocations {
    known: Arc<Known>,
    _follower: Arc<AbortOnDropHandle<()>>,
}

/// A visitor who was erased, and the conversations of until then.
#[derive(Debug, Clone)]
pub struct Erased {
    pub agent_id: AgentId,
    pub visitor_id: VisitorId,
    pub conversations: HashSet<ConversationId>,
}

/// Visitors' tokens live an hour; after that nothing has to be remembered.
pub(super) const KEPT: Duration = Duration::from_mins(61);

#[derive(Default)]
struct Known {
    erasures: RwLock<Erasures>,
    changes: watch::Sender<()>,
}

/// The erasures of the last hour, by what is asked for.
#[derive(Default)]
struct Erasures {
    visitors: HashMap<VisitorId, Timestamp>,
    conversations: HashSet<ConversationId>,
    /// In the order in which they were heard of.
    by_age: VecDeque<(VisitorId, Revocation)>,
}

/// What of a visitor is revoked.
#[derive(Clone, Serialize, Deserialize)]
struct Revocation {
    at: Timestamp,
    /// None in those of older binaries.
    #[serde(default)]
    agent_id: Option<AgentId>,
    conversations: HashSet<ConversationId>,
}

impl Revocations {
    /// Whether a token that was issued at `issued_at` (in whole seconds) for this conversation is dead. The visitor may come
    /// back in the very second of the erasure, to a new conversation.
    pub fn is_revoked(&self, visitor_id: VisitorId, conversation_id: ConversationId, issued_at: Timestamp) -> bool {
        let erasures = self.known.read();
        let erased_at = erasures.visitors.get(&visitor_id);
        erased_at.is_some_and(|at| issued_at.unix_seconds() < at.unix_seconds())
            || erasures.conversations.contains(&conversation_id)
    }

    /// Whether this conversation's visitor was erased lately.
    pub fn is_forgotten(&self, conversation_id: ConversationId) -> bool {
        self.known.read().conversations.contains(&conversation_id)
    }

    /// The conversations of all visitors who were erased lately.
    pub fn conversations(&self) -> HashSet<ConversationId> {
        self.known.read().conversations.clone()
    }

    /// Who was erased after `earlier` and not after `later`, within the last hour.
    pub fn between(&self, earlier: Timestamp, later: Timestamp) -> Vec<Erased> {
        let erasures = self.known.read();
        let those = erasures
            .by_age
            .iter()
            .filter(|(_, revocation)| earlier < revocation.at && revocation.at <= later);
        those
            .filter_map(|(visitor_id, revocation)| {
                Some(Erased {
                    agent_id: revocation.agent_id?,
                    visitor_id: *visitor_id,
                    conversations: revocation.conversations.clone(),
                })
            })
            .collect()
    }

    /// Wakes whenever another visitor is erased.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.known.changes.subscribe()
    }
}

impl Known {
    fn read(&self) -> RwLockReadGuard<'_, Erasures> {
        self.erasures.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, visitor_id: VisitorId, revocation: Revocation) {
        let mut erasures = self.erasures.write().unwrap_or_else(PoisonError::into_inner);
        erasures.learn(visitor_id, revocation);
        drop(erasures);
        self.changes.send_replace(());
    }
}

impl Erasures {
    /// Notes one, and forgets those that are of no use any more.
    fn learn(&mut self, visitor_id: VisitorId, revocation: Revocation) {
        let now = revocation.at;
        self.visitors.insert(visitor_id, now);
        self.conversations.extend(&revocation.conversations);
        self.by_age.push_back((visitor_id, revocation));
        while let Some((visitor_id, old)) = self.by_age.pop_front_if(|(_, old)| now.since(old.at) > KEPT) {
            if self.visitors.get(&visitor_id) == Some(&old.at) {
                self.visitors.remove(&visitor_id);
            }
            for conversation_id in &old.conversations {
                self.conversations.remove(conversation_id);
            }
        }
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
        let standing = at_start(|| direct_get::from(self, REVOKED, "revoked.>", 1)).await?;
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
        (agent_id, visitor_id): (AgentId, VisitorId),
        conversations: HashSet<ConversationId>,
    ) -> Result<(), LogError> {
        self.up().await?;
        let revocation = Revocation {
            at: self.clock().now(),
            agent_id: Some(agent_id),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_is_remembered_as_long_as_tokens_live() {
        let mut erasures = Erasures::default();
        let revoked = |erasures: &mut Erasures, minute, visitor, conversation| {
            let at = Timestamp::from_unix_millis(0).plus(Duration::from_mins(minute));
            let conversations = HashSet::from([ConversationId::from_bits(conversation)]);
            let agent_id = None;
            erasures.learn(
                VisitorId::from_bits(visitor),
                Revocation {
                    at,
                    agent_id,
                    conversations,
                },
            );
        };
        revoked(&mut erasures, 0, 1, 10);
        revoked(&mut erasures, 0, 2, 20);
        revoked(&mut erasures, 40, 1, 11);

        revoked(&mut erasures, 62, 3, 30);

        let visitors: HashSet<u128> = erasures.visitors.keys().map(|id| id.bits()).collect();
        assert_eq!(
            visitors,
            HashSet::from([1, 3]),
            "the first came back, and was erased again"
        );
        let conversations: HashSet<u128> = erasures.conversations.iter().map(|id| id.bits()).collect();
        assert_eq!(conversations, HashSet::from([11, 30]));
    }
}
