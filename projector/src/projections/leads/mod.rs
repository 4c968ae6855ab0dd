//! Leads: one row per (agent, e-mail), folded from all of its submissions, which are kept.
//!
//! Visitors of different partitions may submit the same address, so a lead is not folded event by event: it is computed anew
//! from its submissions, in the order (time, partition, sequence) that every worker agrees on. Of each field the last value
//! that was given stands.

use std::collections::{BTreeMap, BTreeSet};

use events::{Category, LogEvent, Recorded, Subject, lead::LeadEvent};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{forgotten::Forgotten, stored};
use crate::Projection;

/// The projection `leads`.
#[derive(Debug)]
pub struct Leads;

const FORGET: &str = "DELETE FROM lead_submissions AS s
    USING unnest($1::text[], $2::text[]) AS f (agent_id, visitor_id)
    WHERE s.agent_id = f.agent_id AND s.visitor_id = f.visitor_id
    RETURNING s.lead_id";
const SUBMIT: &str = include_str!("submit.sql");
const LOCK: &str = include_str!("lock.sql");
const FOLD: &str = include_str!("fold.sql");
const DROP: &str = "DELETE FROM leads WHERE lead_id = ANY($1)
    AND NOT EXISTS (SELECT FROM lead_submissions AS s WHERE s.lead_id = leads.lead_id)";

impl Projection for Leads {
    const NAME: &'static str = "leads";
    const VERSION: u32 = 2;
    const CATEGORIES: &'static [Category] = &[Category::Lead, Category::Visitor];
    const EXPOSES: &'static [&'static str] = &["leads", "lead_submissions"];
    const SCHEMA: &'static str = include_str!("../../../../migrations/leads/v2.sql");

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let forgotten = Forgotten::within(batch);
        let mut touched = BTreeSet::new();
        if !forgotten.is_empty() {
            let (agents, visitors) = forgotten.columns();
            let gone: Vec<String> = sqlx::query_scalar(FORGET)
                .bind(agents)
                .bind(visitors)
                .fetch_all(&mut *connection)
                .await?;
            touched.extend(gone);
        }
        let submissions: Vec<Submission> = forgotten.surviving(batch).filter_map(Submission::of).collect();
        submit(connection, &submissions).await?;
        touched.extend(submissions.into_iter().map(|submission| submission.lead_id));
        if touched.is_empty() {
            return Ok(());
        }
        // Locked in one order by every worker, and read only after that: what another partition's worker submits meanwhile
        // is seen by whichever of the two comes second.
        let touched: Vec<String> = touched.into_iter().collect();
        for statement in [LOCK, FOLD, DROP] {
            sqlx::query(statement).bind(&touched).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// One row of `lead_submissions`.
struct Submission {
    lead_id: String,
    agent_id: String,
    workspace_id: String,
    visitor_id: String,
    conversation_id: String,
    email: String,
    name: Option<String>,
    phone: Option<String>,
    fields: Value,
    consent: Option<String>,
    submitted_at: OffsetDateTime,
    partition: i32,
    sequence: i64,
}

impl Submission {
    fn of(recorded: &Recorded) -> Option<Self> {
        let LogEvent::Lead(LeadEvent::Captured {
            conversation_id,
            email,
            name,
            phone,
            fields,
            consent,
            at,
        }) = &recorded.event
        else {
            return None;
        };
        let Subject::Lead {
            agent_id,
            visitor_id,
            lead_id,
        } = recorded.subject
        else {
            return None;
        };
        let given = |text: &events::Personal<String>| Some(stored::text(text.expose())).filter(|text| !text.is_empty());
        let fields: BTreeMap<_, _> = fields
            .iter()
            .map(|(key, value)| (key.clone(), value.expose().clone()))
            .collect();
        let (partition, sequence) = stored::position(recorded.position);
        Some(Self {
            lead_id: lead_id.to_string(),
            agent_id: agent_id.to_string(),
            workspace_id: stored::workspace_id(recorded),
            visitor_id: visitor_id.to_string(),
            conversation_id: conversation_id.to_string(),
            email: stored::text(email.expose()),
            name: name.as_ref().and_then(given),
            phone: phone.as_ref().and_then(given),
            fields: stored::json(fields.into_iter().collect()),
            consent: consent.as_deref().map(stored::text),
            submitted_at: at.to_offset_date_time(),
            partition,
            sequence,
        })
    }
}

async fn submit(connection: &mut PgConnection, rows: &[Submission]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let texts = |text: fn(&Submission) -> &String| rows.iter().map(|row| text(row).as_str()).collect::<Vec<_>>();
    sqlx::query(SUBMIT)
        .bind(texts(|row| &row.lead_id))
        .bind(texts(|row| &row.agent_id))
        .bind(texts(|row| &row.workspace_id))
        .bind(texts(|row| &row.visitor_id))
        .bind(texts(|row| &row.conversation_id))
        .bind(texts(|row| &row.email))
        .bind(rows.iter().map(|row| row.name.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.phone.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &row.fields).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.submitted_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.partition).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.consent.as_deref()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
