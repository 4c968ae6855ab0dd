//! Load, decide, commit; and again when somebody else was faster.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::stream::RawMessageErrorKind;
use cqrs_es::{AggregateError, EventStore, event_sink::EventSink};

use super::{ExecuteError, Log, LogError, Stored};
use crate::{Position, Subject, cloud_event::Meta};

/// How often a command is decided before its caller is told to come back. Each round somebody else made progress.
const ROUNDS: u32 = 30;

/// A read after an acknowledgement was at most this stale on a cluster of three.
pub(super) const STALE_READ_PAUSE: Duration = Duration::from_millis(5);

/// An aggregate with the last sequence that it has seen.
#[derive(Debug)]
pub struct Loaded<A> {
    pub state: Arc<A>,
    /// 0 when there are no events.
    pub sequence: u64,
}

impl<A: Default> Loaded<A> {
    /// An aggregate without events.
    fn nothing() -> Self {
        Self {
            state: Arc::default(),
            sequence: 0,
        }
    }
}

impl<A> Clone for Loaded<A> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            sequence: self.sequence,
        }
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Receipt<A: Stored> {
    /// Of the aggregate's last event; its sequence is 0 when there is none.
    pub position: Position,
    /// What changed; nothing when it had been done before.
    pub events: Vec<A::Event>,
    /// The aggregate after the events.
    pub state: Arc<A>,
}

impl Log {
    /// Decides `command` and stores what it changes.
    ///
    /// A refusal, or a decision that nothing changes, is final only on the newest state: it is decided again when the
    /// state came from memory and the log has gone on since.
    ///
    /// # Errors
    /// The aggregate refuses, or the log cannot be read or written.
    pub async fn execute<A: Stored>(
        &self,
        subject: &Subject,
        command: A::Command,
        meta: &Meta,
    ) -> Result<Receipt<A>, ExecuteError<A::Error>> {
        let id = subject.text(self.partitions());
        let metadata = meta.to_map();
        let mut newest = false;
        for round in 1..=ROUNDS {
            let mut context = EventStore::<A>::load_aggregate(self, &id).await.map_err(flatten)?;
            let seen = context.sequence;
            let sink = EventSink::default();
            let decided = context.aggregate.handle(command.clone(), &(), &sink).await;
            let events = sink.collect().await;
            if decided.is_err() || events.is_empty() {
                if !newest && self.refresh::<A>(subject).await?.sequence != seen {
                    newest = true;
                    continue;
                }
                decided.map_err(ExecuteError::Refused)?;
                let position = self.position(subject, seen);
                return Ok(Receipt {
                    position,
                    events,
                    state: Arc::new(context.aggregate),
                });
            }
            match EventStore::<A>::commit(self, events, context, metadata.clone()).await {
                Ok(envelopes) => return Ok(self.receipt(subject, envelopes).await?),
                Err(AggregateError::AggregateConflict) => {
                    newest = true;
                    if self.refresh::<A>(subject).await?.sequence == seen {
                        // A replica that has not caught up: what won will be readable in a moment.
                        tokio::time::sleep(STALE_READ_PAUSE * round).await;
                    }
                }
                Err(error) => return Err(flatten(error)),
            }
        }
        Err(LogError::Contended.into())
    }

    /// The aggregate at `subject` with everything that is in the log now.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn load<A: Stored>(&self, subject: &Subject) -> Result<Loaded<A>, LogError> {
        self.refresh(subject).await
    }

    /// The same, with the event at `sequence` for sure, unless that was erased. The replica of a cluster that is asked may not
    /// have it yet, though it was delivered.
    ///
    /// # Errors
    /// The log cannot be read, or no replica that answers has caught up.
    pub async fn load_with<A: Stored>(&self, subject: &Subject, sequence: u64) -> Result<Loaded<A>, LogError> {
        for round in 1..=ROUNDS {
            let loaded = self.refresh(subject).await?;
            if loaded.sequence >= sequence || !self.still_stands(subject, sequence).await? {
                return Ok(loaded);
            }
            tokio::time::sleep(STALE_READ_PAUSE * round).await;
        }
        Err(LogError::Behind)
    }

    /// The aggregate from memory, or else from the log.
    pub(super) async fn remembered<A: Stored>(&self, subject: &Subject) -> Result<Loaded<A>, LogError> {
        match A::cache(&self.shared.caches).get(subject) {
            Some(loaded) => Ok(loaded),
            None => self.refresh(subject).await,
        }
    }

    /// Brings the remembered aggregate up to the log's end, and remembers it.
    async fn refresh<A: Stored>(&self, subject: &Subject) -> Result<Loaded<A>, LogError> {
        let cache = A::cache(&self.shared.caches);
        let known = cache.get(subject);
        let start = match known.clone() {
            Some(loaded) => loaded,
            None => self.snapshot(subject).await?.unwrap_or_else(Loaded::nothing),
        };
        let loaded = match self.tail::<A>(subject, start.sequence).await? {
            Some(tail) => fold(start, tail),
            // A replica that has not caught up.
            None if self.still_stands(subject, start.sequence).await? => start,
            None => {
                // The events that this state was built from were erased.
                cache.remove(subject);
                let tail = self.tail::<A>(subject, 0).await?.unwrap_or_default();
                fold(Loaded::nothing(), tail)
            }
        };
        cache.insert(*subject, loaded.clone());
        Ok(loaded)
    }

    /// Whether the log holds the event at `sequence`, by the word of the partition's leader.
    async fn still_stands(&self, subject: &Subject, sequence: u64) -> Result<bool, LogError> {
        let stream = self.stream(subject.partition(self.partitions())).await?;
        match stream.get_raw_message(sequence).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(false),
            Err(error) => Err(LogError::request("look for an event")(error)),
        }
    }

    async fn receipt<A: Stored>(
        &self,
        subject: &Subject,
        envelopes: Vec<cqrs_es::EventEnvelope<A>>,
    ) -> Result<Receipt<A>, LogError> {
        let sequence = envelopes.last().map_or(0, |envelope| envelope.sequence as u64);
        let state = self.remembered::<A>(subject).await?.state;
        let events = envelopes.into_iter().map(|envelope| envelope.payload).collect();
        Ok(Receipt {
            position: self.position(subject, sequence),
            events,
            state,
        })
    }

    fn position(&self, subject: &Subject, sequence: u64) -> Position {
        Position {
            partition: subject.partition(self.partitions()),
            sequence,
        }
    }
}

fn fold<A: Stored>(start: Loaded<A>, tail: Vec<(u64, A::Event)>) -> Loaded<A> {
    let Some((sequence, _)) = tail.last() else {
        return start;
    };
    let sequence = *sequence;
    let mut state = Arc::unwrap_or_clone(start.state);
    for (_, event) in tail {
        state.apply(event);
    }
    Loaded {
        state: Arc::new(state),
        sequence,
    }
}

/// The store's own error out of the envelope that `cqrs-es` asks for.
fn flatten<E: std::error::Error + 'static>(error: AggregateError<E>) -> ExecuteError<E> {
    match error {
        AggregateError::UserError(refusal) => ExecuteError::Refused(refusal),
        AggregateError::AggregateConflict => ExecuteError::Log(LogError::Contended),
        AggregateError::DatabaseConnectionError(error)
        | AggregateError::DeserializationError(error)
        | AggregateError::UnexpectedError(error) => match error.downcast::<LogError>() {
            Ok(error) => ExecuteError::Log(*error),
            Err(source) => ExecuteError::Log(LogError::Request {
                attempted: "run a command",
                source,
            }),
        },
    }
}
