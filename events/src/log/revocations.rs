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
        self.known.read().is_revoked(visitor_id, conversation_id, issued_at)
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
        self.known.read().between(earlier, later)
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

    fn is_revoked(&self, visitor_id: VisitorId, conversation_id: ConversationId, issued_at: Timestamp) -> bool {
        let erased_at = self.visitors.get(&visitor_id);
        erased_at.is_some_and(|at| issued_at.unix_seconds() < at.unix_seconds())
            || self.conversations.contains(&conversation_id)
    }

    fn between(&self, earlier: Timestamp, later: Timestamp) -> Vec<Erased> {
        let those = self
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
        let minutes = |minutes| Duration::from_mins(minutes);
        learn(&mut erasures, minutes(0), 1, 10);
        learn(&mut erasures, minutes(0), 2, 20);
        learn(&mut erasures, minutes(40), 1, 11);
        learn(&mut erasures, minutes(61), 3, 30);
        assert_eq!(known(&erasures), ([1, 2, 3].into(), [10, 20, 11, 30].into()));

        learn(&mut erasures, minutes(62), 4, 40);

        let visitors = [1, 3, 4].into();
        assert_eq!(
            known(&erasures),
            (visitors, [11, 30, 40].into()),
            "the first came back, and was erased again"
        );
    }

    #[test]
    fn tokens_of_before_the_erasure_are_dead_and_of_its_conversations_all() {
        let mut erasures = Erasures::default();
        learn(&mut erasures, Duration::from_millis(10_500), 1, 10);
        let table = [
            (1, 11, 9, true, "made before"),
            (1, 11, 10, false, "made in the same second, for a new conversation"),
            (1, 11, 11, false, "made later"),
            (1, 10, 11, true, "for a conversation that is gone"),
            (2, 20, 9, false, "of somebody else"),
        ];
        for (visitor, conversation, issued_at, dead, what) in table {
            let visitor_id = VisitorId::from_bits(visitor);
            let conversation_id = ConversationId::from_bits(conversation);
            let issued_at = Timestamp::from_unix_millis(issued_at * 1_000);
            assert_eq!(
                erasures.is_revoked(visitor_id, conversation_id, issued_at),
                dead,
                "{what}"
            );
        }
    }

    #[test]
    fn every_erasure_is_between_two_looks_once() {
        let mut erasures = Erasures::default();
        for visitor in [10, 20, 30] {
            learn(&mut erasures, Duration::from_secs(visitor), visitor.into(), 1);
        }
        let unknown = Revocation {
            at: Timestamp::from_unix_millis(20_000),
            agent_id: None,
            conversations: HashSet::new(),
        };
        erasures.learn(VisitorId::from_bits(4), unknown);
        let between = |earlier, later| -> Vec<u128> {
            let [earlier, later] = [earlier, later].map(|second: i64| Timestamp::from_unix_millis(second * 1_000));
            let erased = erasures.between(earlier, later).into_iter();
            erased.map(|erased| erased.visitor_id.bits()).collect()
        };
        let nobody: [u128; 0] = [];
        assert_eq!(between(0, 9), nobody);
        assert_eq!(
            between(9, 20),
            [10, 20],
            "whose agent an older binary did not say cannot be looked for"
        );
        assert_eq!(between(20, 30), [30]);
        assert_eq!(between(30, 99), nobody);
    }

    /// A visitor with one conversation is erased, so long after 1970.
    fn learn(erasures: &mut Erasures, after: Duration, visitor: u128, conversation: u128) {
        let revocation = Revocation {
            at: Timestamp::from_unix_millis(0).plus(after),
            agent_id: Some(AgentId::from_bits(7)),
            conversations: HashSet::from([ConversationId::from_bits(conversation)]),
        };
        erasures.learn(VisitorId::from_bits(visitor), revocation);
    }

    /// Visitors and conversations.
    fn known(erasures: &Erasures) -> (HashSet<u128>, HashSet<u128>) {
        (
            erasures.visitors.keys().map(|id| id.bits()).collect(),
            erasures.conversations.iter().map(|id| id.bits()).collect(),
        )
    }
}
