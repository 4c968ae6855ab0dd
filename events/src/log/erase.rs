//! Taking a visitor out of the log, so that every gap it leaves is explained.
//!
//! 1. The visitor's tokens are revoked, so that nothing new is written.
//! 2. A tombstone (`visitor.erased`) names the sequences that will go. Those that an earlier tombstone named are named
//!    again, since that tombstone goes as well.
//! 3. Frames and snapshots go, and then exactly what was named is purged: what fails before is found again by a repeat.
//! 4. What stands is counted by the partition's leader. What was written meanwhile, or what a replica did not know yet that
//!    was asked for sequences, gets a tombstone of its own.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::LastRawMessageErrorKind,
};
use futures::TryStreamExt as _;

use super::{
    ExecuteError, Log, LogError,
    execute::STALE_READ_PAUSE,
    fetched::next_fetched,
    read::visitor_filters,
    snapshots,
    streams::{SNAPSHOTS, TOKENS},
};
use crate::{
    AgentId, ConversationId, LogEvent, Partition, Position, ReceiptId, Recorded, Subject, VisitorId,
    cloud_event::Meta,
    visitor::{self, SequenceRange, Visitor, VisitorEvent},
};

/// Each round erases what was written during the one before; a revoked visitor writes nothing for long.
const ROUNDS: usize = 8;

/// How often a replica is asked that does not have everything yet, each time after a longer pause.
const LISTINGS: u32 = 30;

/// How often it may fail to answer meanwhile.
const FAILURES: u32 = 2;

/// The proof of an erasure.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    pub receipt_id: ReceiptId,
    /// Of the last tombstone: a read model that has passed it has forgotten the visitor.
    pub position: Position,
}

/// Whose events these are, and where they stand.
#[derive(Clone, Copy)]
struct Owner {
    partition: Partition,
    agent_id: AgentId,
    visitor_id: VisitorId,
}

impl Owner {
    const fn subject(self) -> Subject {
        Subject::Visitor {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
        }
    }

    fn filters(self) -> [String; 2] {
        visitor_filters(self.partition, self.agent_id, self.visitor_id)
    }
}

/// A visitor's events as one replica has them: all up to some sequence, if it lags.
#[derive(Default)]
struct Listed {
    /// Ascending.
    sequences: Vec<u64>,
    subjects: HashSet<Subject>,
    /// Those that the events belong to.
    conversations: HashSet<ConversationId>,
    /// What the tombstones among them name.
    named: BTreeSet<u64>,
}

impl Listed {
    fn add(&mut self, owner: Owner, message: &Message) -> Result<(), LogError> {
        let info = message.info().map_err(LogError::request("list a visitor's events"))?;
        self.sequences.push(info.stream_sequence);
        let Ok(subject) = message.subject.parse() else {
            return Ok(());
        };
        self.subjects.insert(subject);
        let recorded = match Recorded::from_message(message) {
            Ok(recorded) => recorded,
            // Of a newer binary. Only a tombstone has to be read, and those stand at the visitor's own subject.
            Err(_) if subject != owner.subject() => return Ok(()),
            Err(error) => return Err(LogError::Unreadable(Box::new(error))),
        };
        match recorded.event {
            LogEvent::Visitor(VisitorEvent::Erased { removed, .. }) => {
                self.named
                    .extend(removed.into_iter().flat_map(|range| range.first..=range.last));
                return Ok(());
            }
            // One that only began has no event of its own.
            LogEvent::Visitor(VisitorEvent::ConversationStarted { conversation_id, .. }) => {
                self.conversations.insert(conversation_id);
            }
            _ => {}
        }
        self.conversations.extend(recorded.attributes.conversationid);
        Ok(())
    }
}

impl Log {
    /// Erases everything that the log holds of one visitor, but for a tombstone without personal data.
    ///
    /// # Errors
    /// The log cannot be read or written. Repeating it finishes what was begun.
    pub async fn erase_visitor(
        &self,
        agent_id: AgentId,
        visitor_id: VisitorId,
        meta: &Meta,
    ) -> Result<Erasure, LogError> {
        let owner = self.owner(agent_id, visitor_id);
        let listed = self.list_events(owner).await?;
        self.erase(owner, listed, meta).await
    }

    /// Erases the visitor if something of these conversations is left: an erasure did not come to its end, or a server that was
    /// away stored late what it had been given before. None when no event is left; whoever came back since has other
    /// conversations. Frames that were sent and snapshots that were saved during the erasure go in any case.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub async fn finish_erasure(
        &self,
        agent_id: AgentId,
        (visitor_id, conversations): (VisitorId, &HashSet<ConversationId>),
        meta: &Meta,
    ) -> Result<Option<Erasure>, LogError> {
        let owner = self.owner(agent_id, visitor_id);
        let subjects = conversations.iter().map(|&conversation_id| Subject::Conversation {
            agent_id,
            visitor_id,
            conversation_id,
        });
        self.purge_beside(subjects).await?;
        let listed = self.list_events(owner).await?;
        if listed.conversations.is_disjoint(conversations) {
            return Ok(None);
        }
        self.erase(owner, listed, meta).await.map(Some)
    }

    fn owner(&self, agent_id: AgentId, visitor_id: VisitorId) -> Owner {
        Owner {
            partition: Partition::of(visitor_id, self.partitions()),
            agent_id,
            visitor_id,
        }
    }

    async fn erase(&self, owner: Owner, mut listed: Listed, meta: &Meta) -> Result<Erasure, LogError> {
        let conversations = std::mem::take(&mut listed.conversations);
        self.revoke((owner.agent_id, owner.visitor_id), conversations).await?;
        let receipt_id = ReceiptId::generate();
        let mut named = BTreeSet::new();
        for _ in 0..ROUNDS {
            named.append(&mut listed.named);
            named.extend(&listed.sequences);
            let position = self.entomb(owner, receipt_id, &named, meta).await?;
            self.purge_beside(listed.subjects.iter().copied()).await?;
            self.purge_events(owner, listed.sequences.last().copied().unwrap_or(0))
                .await?;
            self.forget(owner, &listed.subjects);
            // The tombstone, or that of another erasure, which names this one.
            if self.count_events(owner, position.sequence).await? == 1 {
                return Ok(Erasure { receipt_id, position });
            }
            listed = self.list_events(owner).await?;
        }
        Err(LogError::Contended)
    }

    /// Appends the tombstone that names `named`.
    async fn entomb(
        &self,
        owner: Owner,
        receipt_id: ReceiptId,
        named: &BTreeSet<u64>,
        meta: &Meta,
    ) -> Result<Position, LogError> {
        let command = visitor::Command::Erase {
            receipt_id,
            removed: SequenceRange::from_sequences(named.iter().copied()),
            at: self.clock().now(),
        };
        match self.execute::<Visitor>(&owner.subject(), command, meta).await {
            Ok(receipt) => Ok(receipt.position),
            Err(ExecuteError::Log(error)) => Err(error),
            Err(ExecuteError::Refused(refusal)) => match refusal {},
        }
    }

    /// Purges the visitor's events up to and including `last`; that a conversation was begun stands to the last, for who has to
    /// finish this.
    async fn purge_events(&self, owner: Owner, last: u64) -> Result<(), LogError> {
        let stream = self.stream(owner.partition).await?;
        for filter in owner.filters().into_iter().rev() {
            let purge = stream.purge().filter(filter).sequence(last + 1);
            purge.await.map_err(LogError::request("purge a visitor"))?;
        }
        Ok(())
    }

    fn forget(&self, owner: Owner, subjects: &HashSet<Subject>) {
        self.shared.caches.forget(&owner.subject());
        for subject in subjects {
            self.shared.caches.forget(subject);
        }
    }

    /// How many events of the visitor stand, by the word of a leader that has the event at `sequence`. One that was away and
    /// takes itself for the leader still may not have it.
    async fn count_events(&self, owner: Owner, sequence: u64) -> Result<usize, LogError> {
        let attempted = "count a visitor's events";
        let stream = self.stream(owner.partition).await?;
        for round in 1..=LISTINGS {
            let (mut count, mut is_behind) = (0, false);
            for filter in owner.filters() {
                let counted = stream.info_with_subjects(filter).await;
                let mut counted = counted.map_err(LogError::request(attempted))?;
                is_behind |= counted.info.state.last_sequence < sequence;
                while let Some((_, messages)) = counted.try_next().await.map_err(LogError::request(attempted))? {
                    count += messages;
                }
            }
            if !is_behind {
                return Ok(count);
            }
            tokio::time::sleep(STALE_READ_PAUSE * round).await;
        }
        Err(LogError::Behind)
    }

    /// The visitor's events, as many at least as the leader has. A replica that lags is asked again, and so is a server that does
    /// not know yet where the consumer is that was just made.
    async fn list_events(&self, owner: Owner) -> Result<Listed, LogError> {
        let mut failures = 0;
        for round in 1..=LISTINGS {
            // Each time anew: another erasure may be at work.
            let count = self.count_events(owner, 0).await?;
            match self.list_events_once(owner).await {
                Ok(listed) if listed.sequences.len() >= count => return Ok(listed),
                Ok(_) => {}
                Err(error) if failures == FAILURES => return Err(error),
                Err(_) => failures += 1,
            }
            tokio::time::sleep(STALE_READ_PAUSE * round).await;
        }
        Err(LogError::Behind)
    }

    /// What the replica has that is given the consumer.
    async fn list_events_once(&self, owner: Owner) -> Result<Listed, LogError> {
        let attempted = "list a visitor's events";
        let stream = self.stream(owner.partition).await?;
        let consumer = stream
            .create_consumer(pull::Config {
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::None,
                filter_subjects: owner.filters().to_vec(),
                memory_storage: true,
                inactive_threshold: Duration::from_secs(30),
                ..pull::Config::default()
            })
            .await
            .map_err(LogError::request(attempted))?;
        let mut left = consumer.cached_info().num_pending;
        let mut listed = Listed::default();
        while left > 0 {
            let batch = consumer.fetch().max_messages(1_000).messages();
            let mut batch = batch.await.map_err(LogError::request(attempted))?;
            let mut got = 0;
            while let Some(message) = next_fetched(&mut batch).await.map_err(LogError::request(attempted))? {
                listed.add(owner, &message)?;
                got += 1;
            }
            left = if got == 0 { 0 } else { left.saturating_sub(got) };
        }
        Ok(listed)
    }

    /// Frames and snapshots of the visitor's conversations.
    async fn purge_beside(&self, subjects: impl Iterator<Item = Subject>) -> Result<(), LogError> {
        let attempted = "purge a visitor's frames";
        let open = async |name| self.jetstream().get_stream_no_info(name).await;
        let tokens = open(TOKENS).await.map_err(LogError::request(attempted))?;
        let snapshots = open(SNAPSHOTS).await.map_err(LogError::request(attempted))?;
        for subject in subjects {
            let Subject::Conversation { conversation_id, .. } = subject else {
                continue;
            };
            let frames = tokens.purge().filter(format!("tok.{conversation_id}.>"));
            frames.await.map_err(LogError::request(attempted))?;
            let snapshot = snapshots::subject_text(&subject, self.partitions());
            // A purge of nothing is not free, and most conversations have none.
            match snapshots.get_last_raw_message_by_subject(&snapshot).await {
                Ok(_) => {
                    let purge = snapshots.purge().filter(snapshot);
                    purge.await.map_err(LogError::request(attempted))?;
                }
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {}
                Err(error) => return Err(LogError::request(attempted)(error)),
            }
        }
        Ok(())
    }
}
