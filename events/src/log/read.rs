//! Finding and reading events without a read model.

use async_nats::jetstream::{
    self,
    message::StreamMessage,
    stream::{RawMessageErrorKind, Stream},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ulid::Ulid;

use super::{Log, LogError, ReadError, direct_get, streams};
use crate::{
    AgentId, ConversationId, LeadId, LogEvent, Partition, Position, Recorded, Subject, Timestamp, VisitorId,
    recorded::DecodeError,
};

impl Log {
    /// Every event on `subject`, oldest first.
    ///
    /// # Errors
    /// The log cannot be read, or holds an event that this binary does not know.
    pub async fn events_of(&self, subject: &Subject) -> Result<Vec<Recorded>, LogError> {
        let partition = subject.partition(self.partitions());
        let messages = direct_get::from(self, &partition.stream(), &subject.text(self.partitions()), 1).await?;
        let decode =
            |message| Recorded::from_stored(partition, message).map_err(|error| LogError::Unreadable(Box::new(error)));
        messages.into_iter().map(decode).collect()
    }

    /// The subjects of `visitor_id` that have events, in no order.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn subjects_of_visitor(
        &self,
        agent_id: AgentId,
        visitor_id: VisitorId,
    ) -> Result<Vec<Subject>, LogError> {
        let partition = Partition::of(visitor_id, self.partitions());
        let mut subjects = Vec::new();
        for filter in visitor_filters(partition, agent_id, visitor_id) {
            subjects.extend(self.subjects(partition, &filter).await?);
        }
        Ok(subjects)
    }

    /// The conversation with this id, whoever's it is.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn find_conversation(&self, conversation_id: ConversationId) -> Result<Option<Subject>, LogError> {
        self.find_subject(|p| format!("evt.{p}.conversation.*.*.{conversation_id}"))
            .await
    }

    /// Whether any visitor of the agent submitted this lead.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn lead_exists(&self, agent_id: AgentId, lead_id: LeadId) -> Result<bool, LogError> {
        Ok(self
            .find_subject(|p| format!("evt.{p}.lead.{agent_id}.*.{lead_id}"))
            .await?
            .is_some())
    }

    /// The last sequence of `partition`; 0 when nothing was ever stored.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn last_sequence(&self, partition: Partition) -> Result<u64, LogError> {
        let info = self
            .stream(partition)
            .await?
            .get_info()
            .await
            .map_err(LogError::request("ask for a partition's end"))?;
        Ok(info.state.last_sequence)
    }

    /// When the log stored the first event of `partition` from `sequence` on; none when there is none.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next_stored_at(&self, partition: Partition, sequence: u64) -> Result<Option<Timestamp>, LogError> {
        let stream = self.stream(partition).await?;
        let next = stream.raw_message_builder().sequence(sequence).next_by_subject(">");
        match next.send().await {
            Ok(message) => Ok(Some(message.time.into())),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(LogError::request("read when an event was stored")(error)),
        }
    }

    /// The id of the log that stands on the server now, which need not be the one that was connected to: servers are
    /// restored, and replaced. None when what stands there has no id.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn standing_log_id(&self) -> Result<Option<Ulid>, LogError> {
        self.up().await?;
        streams::standing_log_id(self.jetstream())
            .await
            .map_err(LogError::request("ask which log this is"))
    }

    /// The stream of `partition`, for consumers of one's own.
    ///
    /// # Errors
    /// The log cannot be reached.
    pub async fn stream(&self, partition: Partition) -> Result<Stream<()>, LogError> {
        self.up().await?;
        self.jetstream()
            .get_stream_no_info(partition.stream())
            .await
            .map_err(LogError::request("open a partition"))
    }

    /// Asks all partitions at once.
    async fn find_subject(&self, filter: impl Fn(u16) -> String) -> Result<Option<Subject>, LogError> {
        let partitions = usize::from(self.partitions());
        let asked = (0..self.partitions()).map(|p| (Partition::Events(p), filter(p)));
        let found: Vec<Vec<Subject>> = stream::iter(asked)
            .map(|(partition, filter)| async move { self.subjects(partition, &filter).await })
            .buffer_unordered(partitions.max(1))
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().next())
    }

    /// The subjects of `partition` that match `filter` and have messages.
    pub(super) async fn subjects(&self, partition: Partition, filter: &str) -> Result<Vec<Subject>, LogError> {
        let attempted = "list subjects";
        let stream = self.stream(partition).await?;
        let listed = stream
            .info_with_subjects(filter)
            .await
            .map_err(LogError::request(attempted))?;
        let names: Vec<(String, usize)> = listed.try_collect().await.map_err(LogError::request(attempted))?;
        Ok(names.into_iter().filter_map(|(name, _)| name.parse().ok()).collect())
    }
}

/// The two subject filters that hold all events of one visitor.
pub(super) fn visitor_filters(partition: Partition, agent_id: AgentId, visitor_id: VisitorId) -> [String; 2] {
    let own = format!("evt.{partition}.*.{agent_id}.{visitor_id}");
    let entities = format!("{own}.>");
    [own, entities]
}

impl Recorded {
    /// Reads a message that a consumer of a partition delivered.
    ///
    /// # Errors
    /// It is no event, or one that this binary does not know.
    pub fn from_message(message: &jetstream::Message) -> Result<Self, ReadError> {
        let info = message.info().ok();
        let position = info.as_ref().and_then(|info| {
            Some(Position {
                partition: partition_of(info.stream)?,
                sequence: info.stream_sequence,
            })
        });
        let read = |source| ReadError {
            position,
            subject: message.subject.to_string(),
            source,
        };
        let (Some(info), Some(position)) = (&info, position) else {
            return Err(read(DecodeError::Foreign));
        };
        let subject: Subject = message.subject.parse().map_err(|_| read(DecodeError::Foreign))?;
        Self::from_payload((position, subject), info.published.into(), &message.payload).map_err(read)
    }

    /// Reads what a message holds whose place and time are known.
    ///
    /// # Errors
    /// It is no event, or one of a newer binary.
    pub fn from_payload(
        (position, subject): (Position, Subject),
        stored_at: Timestamp,
        payload: &[u8],
    ) -> Result<Self, DecodeError> {
        let (attributes, event) = LogEvent::decode(subject.category(), payload)?;
        Ok(Self {
            position,
            subject,
            stored_at,
            attributes,
            event,
        })
    }

    /// Reads a message that was taken from `partition` directly.
    pub(super) fn from_stored(partition: Partition, message: StreamMessage) -> Result<Self, ReadError> {
        let position = Position {
            partition,
            sequence: message.sequence,
        };
        let read = |source| ReadError {
            position: Some(position),
            subject: message.subject.to_string(),
            source,
        };
        let subject: Subject = message.subject.parse().map_err(|_| read(DecodeError::Foreign))?;
        Self::from_payload((position, subject), message.time.into(), &message.payload).map_err(read)
    }
}

/// The partition that a stream name means.
fn partition_of(stream: &str) -> Option<Partition> {
    match stream.strip_prefix("EVENTS-") {
        Some(number) => number.parse().ok().map(Partition::Events),
        None => (stream == Partition::Control.stream()).then_some(Partition::Control),
    }
}
