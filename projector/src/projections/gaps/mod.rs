//! Unanswered questions: answers that said so themselves (`low_confidence`), with what was asked.

use std::collections::{BTreeMap, HashMap};

use events::{Category, LogEvent, MessageId, Recorded, conversation::ConversationEvent};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Projection;
use crate::projections::{forgotten::Forgotten, stored};

/// The projection `gaps`.
#[derive(Debug)]
pub struct Gaps;

const FORGET: &str = "WITH forgotten AS (SELECT * FROM unnest($1::text[], $2::text[]) AS f (agent_id, visitor_id)),
    questions AS (
        DELETE FROM open_questions AS q USING forgotten AS f WHERE q.agent_id = f.agent_id AND q.visitor_id = f.visitor_id
    )
    DELETE FROM gaps AS g USING forgotten AS f WHERE g.agent_id = f.agent_id AND g.visitor_id = f.visitor_id";
const ASK: &str = "INSERT INTO open_questions (answer_id, agent_id, visitor_id, question, asked_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    ON CONFLICT (answer_id) DO NOTHING";
/// Takes the questions away whose turn is over, and answers them.
const CLOSE: &str = "DELETE FROM open_questions WHERE answer_id = ANY($1) RETURNING answer_id, question, asked_at";
const KEEP: &str = include_str!("keep.sql");

/// A question whose turn is not over.
struct Question {
    text: String,
    asked_at: OffsetDateTime,
}

impl Projection for Gaps {
    const NAME: &'static str = "gaps";
    const VERSION: u32 = 2;
    const CATEGORIES: &'static [Category] = &[Category::Visitor, Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["gaps"];
    const SCHEMA: &'static str = include_str!("../../../../migrations/gaps/v2.sql");

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let forgotten = Forgotten::within(batch);
        if !forgotten.is_empty() {
            let (agents, visitors) = forgotten.columns();
            sqlx::query(FORGET)
                .bind(agents)
                .bind(visitors)
                .execute(&mut *connection)
                .await?;
        }
        let mut fold = Fold {
            stored: close(connection, &closings(&forgotten, batch)).await?,
            ..Fold::default()
        };
        for recorded in forgotten.surviving(batch) {
            fold.on(recorded);
        }
        keep(connection, &fold.gaps).await?;
        ask(connection, &fold.asked).await
    }
}

/// One batch, folded in order.
#[derive(Default)]
struct Fold<'a> {
    /// Asked before the batch, and closed in it.
    stored: HashMap<String, Question>,
    /// Asked in the batch, not closed yet.
    asked: BTreeMap<MessageId, (&'a Recorded, Question)>,
    gaps: BTreeMap<MessageId, (&'a Recorded, Question)>,
}

impl<'a> Fold<'a> {
    fn on(&mut self, recorded: &'a Recorded) {
        match &recorded.event {
            LogEvent::Conversation(ConversationEvent::MessagePosted {
                answer_id: Some(answer_id),
                content,
                at,
                ..
            }) => {
                let question = Question {
                    text: stored::text(content.expose()),
                    asked_at: at.to_offset_date_time(),
                };
                self.asked.entry(*answer_id).or_insert((recorded, question));
            }
            LogEvent::Conversation(ConversationEvent::MessageAnswered {
                message_id,
                low_confidence,
                ..
            }) => {
                if let Some(question) = self.close(*message_id)
                    && *low_confidence
                {
                    self.gaps.entry(*message_id).or_insert((recorded, question));
                }
            }
            LogEvent::Conversation(ConversationEvent::MessageFailed { message_id, .. }) => {
                self.close(*message_id);
            }
            _ => {}
        }
    }

    fn close(&mut self, answer_id: MessageId) -> Option<Question> {
        let asked = self.asked.remove(&answer_id).map(|(_, question)| question);
        self.stored.remove(&answer_id.to_string()).or(asked)
    }
}

/// The turns that end in `batch`.
fn closings(forgotten: &Forgotten, batch: &[Recorded]) -> Vec<String> {
    let closing = |recorded: &Recorded| match &recorded.event {
        LogEvent::Conversation(
            ConversationEvent::MessageAnswered { message_id, .. } | ConversationEvent::MessageFailed { message_id, .. },
        ) => Some(message_id.to_string()),
        _ => None,
    };
    forgotten.surviving(batch).filter_map(closing).collect()
}

async fn close(connection: &mut PgConnection, answer_ids: &[String]) -> sqlx::Result<HashMap<String, Question>> {
    if answer_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let closed: Vec<(String, String, OffsetDateTime)> =
        sqlx::query_as(CLOSE).bind(answer_ids).fetch_all(connection).await?;
    Ok(closed
        .into_iter()
        .map(|(answer_id, text, asked_at)| (answer_id, Question { text, asked_at }))
        .collect())
}

async fn ask(connection: &mut PgConnection, asked: &BTreeMap<MessageId, (&Recorded, Question)>) -> sqlx::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let of = |text: fn(&Recorded) -> String| asked.values().map(|(recorded, _)| text(recorded)).collect::<Vec<_>>();
    sqlx::query(ASK)
        .bind(asked.keys().map(ToString::to_string).collect::<Vec<_>>())
        .bind(of(agent_id))
        .bind(of(visitor_id))
        .bind(
            asked
                .values()
                .map(|(_, question)| question.text.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            asked
                .values()
                .map(|(_, question)| question.asked_at)
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    Ok(())
}

async fn keep(connection: &mut PgConnection, gaps: &BTreeMap<MessageId, (&Recorded, Question)>) -> sqlx::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    let of = |text: fn(&Recorded) -> String| gaps.values().map(|(recorded, _)| text(recorded)).collect::<Vec<_>>();
    sqlx::query(KEEP)
        .bind(gaps.keys().map(ToString::to_string).collect::<Vec<_>>())
        .bind(of(conversation_id))
        .bind(of(agent_id))
        .bind(of(stored::workspace_id))
        .bind(of(visitor_id))
        .bind(
            gaps.values()
                .map(|(recorded, _)| stored::partition(recorded.position.partition))
                .collect::<Vec<_>>(),
        )
        .bind(
            gaps.values()
                .map(|(_, question)| question.text.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(gaps.values().map(|(_, question)| question.asked_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

fn agent_id(recorded: &Recorded) -> String {
    recorded.subject.agent_id().map(|id| id.to_string()).unwrap_or_default()
}

fn visitor_id(recorded: &Recorded) -> String {
    recorded
        .subject
        .visitor_id()
        .map(|id| id.to_string())
        .unwrap_or_default()
}

fn conversation_id(recorded: &Recorded) -> String {
    match recorded.subject {
        events::Subject::Conversation { conversation_id, .. } => conversation_id.to_string(),
        _ => String::new(),
    }
}
