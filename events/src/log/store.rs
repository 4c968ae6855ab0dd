//! `cqrs_es::EventStore` over `JetStream`: an aggregate is one literal subject, its version that subject's last sequence.

use std::{collections::HashMap, sync::Arc};

use cqrs_es::{Aggregate, AggregateError, EventEnvelope, EventStore};
use quick_cache::sync::Cache;

use super::{
    Log, LogError, ReadError, direct_get,
    execute::Loaded,
    publish::{Outgoing, PublishError},
};
use crate::{
    Subject,
    agent::Agent,
    cloud_event::{self, Attributes, Meta},
    conversation::Conversation,
    lead::Lead,
    recorded,
    visitor::Visitor,
    workspace::Workspace,
};

/// An aggregate that this store keeps.
pub trait Stored:
    Aggregate<Services = (), Command: Clone + Send + Sync, Event: 'static, Error: Send + Sync + 'static> + Clone + 'static
{
    /// Which form a snapshot of the state has; raise it with any change of the state. None: never snapshotted.
    const SNAPSHOT_FORM: Option<u32> = None;

    /// Where loaded aggregates of this type are remembered.
    fn cache(caches: &Caches) -> &AggregateCache<Self>;
}

type AggregateCache<A> = Cache<Subject, Loaded<A>>;

/// Loaded aggregates, bounded per type. An entry may be stale: the expected sequence of a commit makes that harmless.
pub struct Caches {
    visitors: AggregateCache<Visitor>,
    conversations: AggregateCache<Conversation>,
    leads: AggregateCache<Lead>,
    agents: AggregateCache<Agent>,
    workspaces: AggregateCache<Workspace>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            visitors: Cache::new(20_000),
            // A conversation holds up to thirty messages; most hold a handful.
            conversations: Cache::new(10_000),
            leads: Cache::new(5_000),
            agents: Cache::new(1_000),
            workspaces: Cache::new(1_000),
        }
    }
}

impl Caches {
    /// Forgets the aggregate at `subject`.
    pub(super) fn forget(&self, subject: &Subject) {
        match subject {
            Subject::Visitor { .. } => drop(self.visitors.remove(subject)),
            Subject::Conversation { .. } => drop(self.conversations.remove(subject)),
            Subject::Lead { .. } => drop(self.leads.remove(subject)),
            Subject::Agent { .. } => drop(self.agents.remove(subject)),
            Subject::Workspace { .. } => drop(self.workspaces.remove(subject)),
            Subject::Telemetry { .. } | Subject::Document { .. } => {}
        }
    }
}

macro_rules! stored {
    ($($aggregate:ty => $cache:ident, $form:expr;)*) => {$(
        impl Stored for $aggregate {
            const SNAPSHOT_FORM: Option<u32> = $form;

            fn cache(caches: &Caches) -> &AggregateCache<Self> {
                &caches.$cache
            }
        }
    )*};
}

stored! {
    Visitor => visitors, None;
    Conversation => conversations, Some(1);
    Lead => leads, None;
    Agent => agents, None;
    Workspace => workspaces, None;
}

/// An aggregate on its way from load to commit: `cqrs-es` calls it the context.
#[derive(Debug)]
pub struct Loading<A> {
    pub(super) subject: Subject,
    pub(super) aggregate: A,
    /// The subject's last sequence that `aggregate` has seen; 0 is none.
    pub(super) sequence: u64,
}

impl<A: Aggregate> cqrs_es::AggregateContext<A> for Loading<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

impl<A: Stored> EventStore<A> for Log {
    type AC = Loading<A>;

    /// The events of the aggregate whose subject's text is `aggregate_id`.
    async fn load_events(&self, aggregate_id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let subject = parse(aggregate_id)?;
        let tail = self.tail::<A>(&subject, 0).await.map_err(to_aggregate_error)?;
        Ok(tail
            .into_iter()
            .flatten()
            .map(|(sequence, payload)| envelope(aggregate_id, sequence, payload, HashMap::new()))
            .collect())
    }

    /// The aggregate as this process knows it; it may be stale, which the commit finds out.
    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Loading<A>, AggregateError<A::Error>> {
        let subject = parse(aggregate_id)?;
        let loaded = self.remembered::<A>(&subject).await.map_err(to_aggregate_error)?;
        Ok(Loading {
            subject,
            aggregate: A::clone(&loaded.state),
            sequence: loaded.sequence,
        })
    }

    /// Stores `events` if nobody wrote to the aggregate since it was loaded; the envelopes carry their sequences.
    /// `context`'s aggregate has applied them already.
    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loading<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let Loading {
            subject,
            aggregate,
            sequence,
        } = context;
        let meta = Meta::from_map(&metadata);
        let text = subject.text(self.partitions());
        let messages = self.outgoing(&subject, &events, &meta).map_err(to_aggregate_error)?;
        let last = match self
            .store(subject.partition(self.partitions()), &messages, Some(sequence), 0)
            .await
        {
            Ok(last) => last,
            Err(PublishError::Conflict) => return Err(AggregateError::AggregateConflict),
            Err(PublishError::Log(error)) => return Err(to_aggregate_error(error)),
        };
        A::cache(&self.shared.caches).insert(
            subject,
            Loaded {
                state: Arc::new(aggregate),
                sequence: last,
            },
        );
        let first = last + 1 - events.len() as u64;
        Ok((first..)
            .zip(events)
            .map(|(sequence, payload)| envelope(&text, sequence, payload, metadata.clone()))
            .collect())
    }
}

impl Log {
    /// The events on `subject` after `sequence`, each with its own; none at all when the event at `sequence` was not found
    /// before them. 0 is before the first.
    pub(super) async fn tail<A: Stored>(
        &self,
        subject: &Subject,
        sequence: u64,
    ) -> Result<Option<Vec<(u64, A::Event)>>, LogError> {
        let stream = subject.partition(self.partitions()).stream();
        let mut messages = direct_get::from(self, &stream, &subject.text(self.partitions()), sequence)
            .await?
            .into_iter();
        if sequence > 0 && messages.next().is_none_or(|known| known.sequence != sequence) {
            return Ok(None);
        }
        messages
            .map(|message| {
                let unreadable = |source| ReadError {
                    position: Some(crate::Position {
                        partition: subject.partition(self.partitions()),
                        sequence: message.sequence,
                    }),
                    subject: message.subject.to_string(),
                    source,
                };
                let (_, event) = recorded::read(&message.payload)
                    .map_err(|error| LogError::Unreadable(Box::new(unreadable(error))))?;
                Ok((message.sequence, event))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// `events` as messages for `subject`.
    pub(super) fn outgoing<E: cqrs_es::DomainEvent>(
        &self,
        subject: &Subject,
        events: &[E],
        meta: &Meta,
    ) -> Result<Vec<Outgoing>, LogError> {
        let text = subject.text(self.partitions());
        let now = self.clock().now();
        events
            .iter()
            .map(|event| {
                let attributes = Attributes::new(subject, meta, now);
                let payload = cloud_event::encode(subject, &attributes, event)?.into();
                Ok(Outgoing {
                    subject: text.clone(),
                    event_id: attributes.id,
                    payload,
                })
            })
            .collect()
    }
}

fn parse<E: std::error::Error>(aggregate_id: &str) -> Result<Subject, AggregateError<E>> {
    aggregate_id
        .parse()
        .map_err(|error: crate::subject::InvalidSubject| AggregateError::UnexpectedError(error.into()))
}

fn to_aggregate_error<E: std::error::Error>(error: LogError) -> AggregateError<E> {
    AggregateError::DatabaseConnectionError(Box::new(error))
}

fn envelope<A: Aggregate>(
    aggregate_id: &str,
    sequence: u64,
    payload: A::Event,
    metadata: HashMap<String, String>,
) -> EventEnvelope<A> {
    let sequence = usize::try_from(sequence).unwrap_or(usize::MAX);
    EventEnvelope {
        aggregate_id: aggregate_id.to_owned(),
        sequence,
        payload,
        metadata,
    }
}
