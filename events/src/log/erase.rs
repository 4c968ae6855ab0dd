//! Taking a visitor out of the log, so that every gap it leaves is explained.
//!
//! 1. The visitor's tokens are revoked, so that nothing new is written.
//! 2. A tombstone (`visitor.erased`) names the sequences that will go. Those that an earlier tombstone named are named
//!    again, since that tombstone goes as well.
//! 3. Exactly those are purged. What was written meanwhile is found by looking again, and gets a tombstone of its own.
//! 4. Frames and snapshots go.

use std::collections::HashSet;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures::StreamExt as _;

use super::{
    ExecuteError, Log, LogError, direct_get,
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

/// The proof of an erasure.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    pub receipt_id: ReceiptId,
    /// Of the last tombstone: a read model that has passed it has forgotten the visitor.
    pub position: Position,
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
        let partition = Partition::of(visitor_id, self.partitions());
        let subjects = self.subjects_of_visitor(agent_id, visitor_id).await?;
        self.revoke(
            visitor_id,
            self.conversations_of(agent_id, visitor_id, &subjects).await?,
        )
        .await?;

        let visitor = Subject::Visitor { agent_id, visitor_id };
        let receipt_id = ReceiptId::generate();
        let mut position = Position { partition, sequence: 0 };
        for _ in 0..ROUNDS {
            let standing = self.sequences(partition, agent_id, visitor_id).await?;
            if standing.iter().all(|sequence| *sequence == position.sequence) && position.sequence > 0 {
                break;
            }
            position = self.entomb(&visitor, receipt_id, standing.clone(), meta).await?;
            let last = standing.last().copied().unwrap_or(0);
            for filter in visitor_filters(partition, agent_id, visitor_id) {
                let stream = self.stream(partition).await?;
                let purge = stream.purge().filter(filter).sequence(last + 1);
                purge.await.map_err(LogError::request("purge a visitor"))?;
            }
        }
        self.purge_beside(&subjects).await?;
        self.shared.caches.forget(&visitor);
        for subject in &subjects {
            self.shared.caches.forget(subject);
        }
        Ok(Erasure { receipt_id, position })
    }

    /// The visitor's conversations: those with events, and those that only began.
    async fn conversations_of(
        &self,
        agent_id: AgentId,
        visitor_id: VisitorId,
        subjects: &[Subject],
    ) -> Result<HashSet<ConversationId>, LogError> {
        let visitor = self
            .load::<Visitor>(&Subject::Visitor { agent_id, visitor_id })
            .await?
            .state;
        let begun = visitor.conversations().map(|started| started.conversation_id);
        let written = subjects.iter().filter_map(|subject| match subject {
            Subject::Conversation { conversation_id, .. } => Some(*conversation_id),
            _ => None,
        });
        Ok(begun.chain(written).collect())
    }

    /// Appends the tombstone that names `standing` and whatever earlier tombstones named.
    async fn entomb(
        &self,
        subject: &Subject,
        receipt_id: ReceiptId,
        mut standing: Vec<u64>,
        meta: &Meta,
    ) -> Result<Position, LogError> {
        for Recorded { event, .. } in self.events_of(subject).await? {
            if let LogEvent::Visitor(VisitorEvent::Erased { removed, .. }) = event {
                standing.extend(removed.into_iter().flat_map(|range| range.first..=range.last));
            }
        }
        standing.sort_unstable();
        standing.dedup();
        let removed = SequenceRange::from_sequences(standing);
        let command = visitor::Command::Erase {
            receipt_id,
            removed,
            at: self.clock().now(),
        };
        match self.execute::<Visitor>(subject, command, meta).await {
            Ok(receipt) => Ok(receipt.position),
            Err(ExecuteError::Log(error)) => Err(error),
            Err(ExecuteError::Refused(refusal)) => match refusal {},
        }
    }

    /// The sequences of all events of the visitor, ascending. Only headers travel.
    async fn sequences(
        &self,
        partition: Partition,
        agent_id: AgentId,
        visitor_id: VisitorId,
    ) -> Result<Vec<u64>, LogError> {
        let attempted = "list a visitor's sequences";
        let stream = self.stream(partition).await?;
        let mut consumer = stream
            .create_consumer(pull::Config {
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::None,
                filter_subjects: visitor_filters(partition, agent_id, visitor_id).to_vec(),
                headers_only: true,
                memory_storage: true,
                inactive_threshold: std::time::Duration::from_secs(30),
                ..pull::Config::default()
            })
            .await
            .map_err(LogError::request(attempted))?;
        let mut left = consumer.info().await.map_err(LogError::request(attempted))?.num_pending;
        let mut sequences = Vec::new();
        while left > 0 {
            let batch = consumer.fetch().max_messages(1_000).messages();
            let mut batch = batch.await.map_err(LogError::request(attempted))?;
            let mut got = 0;
            while let Some(message) = batch.next().await {
                let message = message.map_err(LogError::request(attempted))?;
                sequences.push(message.info().map_err(LogError::request(attempted))?.stream_sequence);
                got += 1;
            }
            left = if got == 0 { 0 } else { left.saturating_sub(got) };
        }
        Ok(sequences)
    }

    /// Frames and snapshots of the visitor's conversations.
    async fn purge_beside(&self, subjects: &[Subject]) -> Result<(), LogError> {
        let attempted = "purge a visitor's frames";
        for subject in subjects {
            let Subject::Conversation { conversation_id, .. } = subject else {
                continue;
            };
            for (stream, filter) in [
                (TOKENS, format!("tok.{conversation_id}.>")),
                (SNAPSHOTS, snapshots::subject_text(subject, self.partitions())),
            ] {
                // A purge of nothing is not free, and most conversations have neither.
                if stream == SNAPSHOTS && direct_get::last(self, stream, &filter).await?.is_none() {
                    continue;
                }
                let stream = self
                    .jetstream()
                    .get_stream_no_info(stream)
                    .await
                    .map_err(LogError::request(attempted))?;
                stream
                    .purge()
                    .filter(filter)
                    .await
                    .map_err(LogError::request(attempted))?;
            }
        }
        Ok(())
    }
}
