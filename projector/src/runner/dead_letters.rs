//! Events that could not be applied, and those of the same subject that wait behind them in order.
//!
//! They hold what visitors wrote, so an erasure takes them too.

use std::collections::BTreeSet;

use bytes::Bytes;
use events::{
    AgentId, Position, Recorded, Subject, Timestamp, VisitorId,
    recorded::{self, DecodeError},
};
use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};
use time::OffsetDateTime;

use super::Slot;
use crate::projections::stored;

const BLOCKED: &str = "SELECT DISTINCT subject FROM diagent.dead_letters
    WHERE projection = $1 AND version = $2 AND partition = $3";
const REQUESTED: &str = "SELECT DISTINCT subject FROM diagent.dead_letters
    WHERE projection = $1 AND version = $2 AND partition = $3 AND state IN ('retry', 'skip')";
const OF_SUBJECT: &str = "SELECT sequence, event_type, stored_at, payload, state, attempts
    FROM diagent.dead_letters
    WHERE projection = $1 AND version = $2 AND partition = $3 AND subject = $4 ORDER BY sequence";
const DROP_SUBJECT: &str = "DELETE FROM diagent.dead_letters
    WHERE projection = $1 AND version = $2 AND partition = $3 AND subject = $4";
const RETRY_UNREADABLE: &str = "UPDATE diagent.dead_letters SET state = 'retry', updated_at = now()
    WHERE projection = $1 AND version = $2 AND partition = $3 AND state = 'dead' AND unreadable";
const FORGET: &str = "DELETE FROM diagent.dead_letters AS d
    USING unnest($4::text[], $5::text[]) AS f (agent_id, visitor_id)
    WHERE d.projection = $1 AND d.version = $2 AND d.partition = $3
    AND d.agent_id = f.agent_id AND d.visitor_id = f.visitor_id";
const PUT: &str = include_str!("put_dead_letters.sql");

/// A visitor, as events are found by.
pub(super) type Visitor = (AgentId, VisitorId);

/// One event that is set aside.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) position: Position,
    pub(super) subject: Subject,
    pub(super) event_type: String,
    pub(super) stored_at: OffsetDateTime,
    pub(super) payload: Bytes,
    /// What is wrong with it; none waits behind one that failed.
    pub(super) error: Option<String>,
    /// What is wrong is that this binary does not know the event: another one may.
    pub(super) unreadable: bool,
    pub(super) attempts: i32,
}

impl Letter {
    /// An event that can be read.
    pub(super) fn of(recorded: &Recorded, payload: &Bytes, error: Option<String>) -> Self {
        Self {
            position: recorded.position,
            subject: recorded.subject,
            event_type: stored::text(&recorded::kind_of(payload)),
            stored_at: recorded.stored_at.to_offset_date_time(),
            payload: payload.clone(),
            attempts: i32::from(error.is_some()),
            error,
            unreadable: false,
        }
    }

    /// A message under a subject of the log that is no event that this binary knows.
    pub(super) fn unreadable(
        (position, subject): (Position, Subject),
        stored_at: Timestamp,
        payload: &Bytes,
        error: &DecodeError,
    ) -> Self {
        Self {
            position,
            subject,
            event_type: stored::text(&recorded::kind_of(payload)),
            stored_at: stored_at.to_offset_date_time(),
            payload: payload.clone(),
            error: Some(chain(error)),
            unreadable: true,
            attempts: 1,
        }
    }

    pub(super) fn visitor(&self) -> Option<Visitor> {
        visitor(&self.subject)
    }

    /// The event, if this binary knows it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&self) -> Result<Recorded, String> {
        Recorded::from_payload(
            (self.position, self.subject),
            Timestamp::from(self.stored_at),
            &self.payload,
        )
        .map_err(|error| chain(&error))
    }
}

/// Whose a subject is.
pub(super) fn visitor(subject: &Subject) -> Option<Visitor> {
    Some((subject.agent_id()?, subject.visitor_id()?))
}

/// An error and its causes, for operators.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    stored::text(&text)
}

/// The subjects that have letters: what comes on them has to wait.
pub(super) async fn blocked(pool: &PgPool, slot: &Slot) -> sqlx::Result<BTreeSet<String>> {
    subjects(pool, slot, BLOCKED).await
}

/// The subjects whose letters an operator wants retried or skipped.
pub(super) async fn requested(pool: &PgPool, slot: &Slot) -> sqlx::Result<BTreeSet<String>> {
    subjects(pool, slot, REQUESTED).await
}

/// Asks for the letters that another binary did not know to be retried: this one may.
pub(super) async fn retry_unreadable(pool: &PgPool, slot: &Slot) -> sqlx::Result<()> {
    sqlx::query(RETRY_UNREADABLE)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .execute(pool)
        .await
        .map(|_| ())
}

async fn subjects(pool: &PgPool, slot: &Slot, sql: &'static str) -> sqlx::Result<BTreeSet<String>> {
    let subjects: Vec<String> = sqlx::query_scalar(sql)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .fetch_all(pool)
        .await?;
    Ok(subjects.into_iter().collect())
}

/// Takes all letters of `subject` out, in order, without those at the front that are to be skipped. Nothing when the first
/// one is not meant: somebody else did it.
pub(super) async fn take(
    connection: &mut PgConnection,
    slot: &Slot,
    (subject, text): (Subject, &str),
) -> sqlx::Result<Option<Vec<Letter>>> {
    let rows = sqlx::query(OF_SUBJECT)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(text)
        .fetch_all(&mut *connection)
        .await?;
    let mut letters = Vec::new();
    let mut is_asked_for = false;
    for row in &rows {
        let state: String = row.try_get("state")?;
        if letters.is_empty() && state == "skip" {
            is_asked_for = true;
            continue;
        }
        is_asked_for |= letters.is_empty() && state == "retry";
        letters.push(letter(row, slot, subject)?);
    }
    if !is_asked_for {
        return Ok(None);
    }
    sqlx::query(DROP_SUBJECT)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(text)
        .execute(connection)
        .await?;
    Ok(Some(letters))
}

fn letter(row: &PgRow, slot: &Slot, subject: Subject) -> sqlx::Result<Letter> {
    let sequence: i64 = row.try_get("sequence")?;
    Ok(Letter {
        position: Position {
            partition: slot.partition,
            sequence: u64::try_from(sequence).unwrap_or_default(),
        },
        subject,
        event_type: row.try_get("event_type")?,
        stored_at: row.try_get("stored_at")?,
        payload: row.try_get::<Vec<u8>, _>("payload")?.into(),
        error: None,
        unreadable: false,
        attempts: row.try_get("attempts")?,
    })
}

/// Drops the letters of erased visitors.
pub(super) async fn forget(connection: &mut PgConnection, slot: &Slot, visitors: &[Visitor]) -> sqlx::Result<()> {
    if visitors.is_empty() {
        return Ok(());
    }
    let (agents, visitors): (Vec<_>, Vec<_>) = visitors
        .iter()
        .map(|(agent_id, visitor_id)| (agent_id.to_string(), visitor_id.to_string()))
        .unzip();
    sqlx::query(FORGET)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(agents)
        .bind(visitors)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Sets `letters` aside, in the transaction that moves the checkpoint past them, in a log of `partitions`.
pub(super) async fn put(
    connection: &mut PgConnection,
    slot: &Slot,
    letters: &[Letter],
    partitions: u16,
) -> sqlx::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    let ids = |id: fn(&Letter) -> Option<String>| letters.iter().map(id).collect::<Vec<_>>();
    sqlx::query(PUT)
        .bind(slot.version.projection)
        .bind(slot.version.version)
        .bind(slot.partition_name())
        .bind(
            letters
                .iter()
                .map(|letter| stored::sequence(letter.position.sequence))
                .collect::<Vec<_>>(),
        )
        .bind(
            letters
                .iter()
                .map(|letter| letter.subject.text(partitions))
                .collect::<Vec<_>>(),
        )
        .bind(ids(|letter| letter.subject.agent_id().map(|id| id.to_string())))
        .bind(ids(|letter| letter.subject.visitor_id().map(|id| id.to_string())))
        .bind(
            letters
                .iter()
                .map(|letter| letter.event_type.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(letters.iter().map(|letter| letter.stored_at).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.payload.as_ref()).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.error.as_deref()).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.attempts).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.unreadable).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(|_| ())
}
