//! What each workspace used, by month (UTC): conversations begun, messages written, answers given, tokens counted.
//! An erasure leaves it.

use std::collections::BTreeMap;

use events::{Category, LogEvent, Recorded, Timestamp, conversation::ConversationEvent, visitor::VisitorEvent};
use sqlx::PgConnection;
use time::Date;

use super::stored;
use crate::Projection;

/// The projection `usage`.
#[derive(Debug)]
pub struct Usage;

const ADD: &str = "INSERT INTO usage_by_partition AS u
        (workspace_id, month, partition, conversations, messages, answers, prompt_tokens, completion_tokens)
    SELECT * FROM unnest(
        $1::text[], $2::date[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]
    )
    ON CONFLICT (workspace_id, month, partition) DO UPDATE SET
        conversations = u.conversations + excluded.conversations, messages = u.messages + excluded.messages,
        answers = u.answers + excluded.answers, prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = u.completion_tokens + excluded.completion_tokens";

/// What is added to one row.
#[derive(Debug, Default, PartialEq, Eq)]
struct Used {
    conversations: i64,
    messages: i64,
    answers: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
}

impl Projection for Usage {
    const NAME: &'static str = "usage";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Visitor, Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["usage"];
    const SCHEMA: &'static str = include_str!("../../../migrations/usage/v1.sql");
    const OUTLIVES_ERASURE: bool = true;

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let mut rows: BTreeMap<(String, Date, i32), Used> = BTreeMap::new();
        for recorded in batch {
            if let Some((at, used)) = used(&recorded.event) {
                let partition = stored::partition(recorded.position.partition);
                let row = rows
                    .entry((stored::workspace_id(recorded), month(at), partition))
                    .or_default();
                row.conversations += used.conversations;
                row.messages += used.messages;
                row.answers += used.answers;
                row.prompt_tokens = row.prompt_tokens.saturating_add(used.prompt_tokens);
                row.completion_tokens = row.completion_tokens.saturating_add(used.completion_tokens);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let counts = |count: fn(&Used) -> i64| rows.values().map(count).collect::<Vec<_>>();
        sqlx::query(ADD)
            .bind(
                rows.keys()
                    .map(|(workspace_id, ..)| workspace_id.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(rows.keys().map(|(_, month, _)| *month).collect::<Vec<_>>())
            .bind(rows.keys().map(|(.., partition)| *partition).collect::<Vec<_>>())
            .bind(counts(|used| used.conversations))
            .bind(counts(|used| used.messages))
            .bind(counts(|used| used.answers))
            .bind(counts(|used| used.prompt_tokens))
            .bind(counts(|used| used.completion_tokens))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// What one event used, and when.
fn used(event: &LogEvent) -> Option<(Timestamp, Used)> {
    let none = Used::default();
    match event {
        LogEvent::Visitor(VisitorEvent::ConversationStarted { at, .. }) => Some((
            *at,
            Used {
                conversations: 1,
                ..none
            },
        )),
        LogEvent::Conversation(ConversationEvent::MessagePosted { at, .. }) => {
            Some((*at, Used { messages: 1, ..none }))
        }
        LogEvent::Conversation(ConversationEvent::MessageAnswered { usage, at, .. }) => Some((
            *at,
            Used {
                answers: 1,
                prompt_tokens: usage.map_or(0, |usage| stored::number(usage.prompt_tokens)),
                completion_tokens: usage.map_or(0, |usage| stored::number(usage.completion_tokens)),
                ..none
            },
        )),
        _ => None,
    }
}

/// The first day of the month of `at`.
fn month(at: Timestamp) -> Date {
    let day = at.to_offset_date_time().date();
    day.replace_day(1).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_at_midnight_utc() {
        let (before, after) = (
            Timestamp::from_unix_millis(1_793_491_199_999),
            Timestamp::from_unix_millis(1_793_491_200_000),
        );
        assert_eq!(month(before).to_string(), "2026-10-01");
        assert_eq!(month(after).to_string(), "2026-11-01");
    }
}
