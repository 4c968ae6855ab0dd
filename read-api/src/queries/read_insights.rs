//! `GET /api/v1/agents/{agent_id}/insights`: how an agent does, day by day.

use axum::extract::State;
use edge::{
    BadInput, Data,
    extract::{Path, Query},
};
use events::AgentId;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, postgres::PgRow};
use time::Date;

use super::read_telemetry::parse_day;
use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const RANGE: &str = include_str!("read_insights_range.sql");
const DAYS: &str = include_str!("read_insights_days.sql");
const FUNNEL: &str = include_str!("read_insights_funnel.sql");
const EVENTS: &str = "SELECT day::text, event, rule_id, sum(count)::bigint AS count FROM read.telemetry_counts \
    WHERE agent_id = $1 AND workspace_id = $2 AND day BETWEEN $3 AND $4 \
    GROUP BY telemetry_counts.day, event, rule_id ORDER BY telemetry_counts.day, count DESC, event, rule_id LIMIT 10000";

/// Days of one answer.
const DAYS_MAX: i64 = 366;

/// Which days.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The first day (2026-05-07); by default 30 days up to the last
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; by default today
    #[param(format = Date)]
    to: Option<String>,
}

/// How an agent does. All days are UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Insights {
    /// Every day of the range, also those on which nothing happened.
    days: Vec<Figures>,
    total: Figures,
    funnel: Funnel,
    /// What the widgets reported, by day, event and rule.
    events: Vec<EventCount>,
}

/// What happened on a day, or on all of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// None in the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    /// Conversations begun: each has a visitor who saw the widget.
    visits: i64,
    /// Of these, those in which the visitor wrote.
    conversations: i64,
    /// Of those, those in which a person was asked for, or wrote. The others were deflected.
    handed_over: i64,
    answers: i64,
    /// Answers that were not sure of themselves.
    low_confidence: i64,
    /// Half of the answers, and 19 of 20, began within this many milliseconds.
    first_token_p50_ms: Option<i64>,
    first_token_p95_ms: Option<i64>,
    leads: i64,
}

/// How far the conversations that began in the range have got; each step is a part of the one before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Funnel {
    visits: i64,
    /// The visitor wrote.
    conversations: i64,
    /// The agent gave an answer that it was sure of, or a person wrote.
    answered: i64,
    /// The visitor left an address.
    leads: i64,
}

/// How often something happened on a day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EventCount {
    day: String,
    event: String,
    /// The behaviour rule that caused it; empty when none did.
    rule_id: String,
    count: i64,
}

/// Reads how an agent does, day by day: conversations, deflection, confidence, time to first token, leads, events.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/insights", tag = "telemetry", params(("agent_id" = AgentId, Path), Filter),
    responses((status = 200, body = Data<Insights>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.insights", skip_all, fields(agent.id = %agent_id))]
pub async fn read_insights(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Data<Insights>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    let (from, to) = (parse_day("from", filter.from)?, parse_day("to", filter.to)?);
    for projection in ["conversations", "leads", "telemetry"] {
        min_position.wait(&app, projection).await?;
    }
    let (from, to): (Date, Date) = sqlx::query_as(RANGE).bind(from).bind(to).fetch_one(&app.pool).await?;
    if !(0..DAYS_MAX).contains(&(to - from).whole_days()) {
        let problem = format!("it must be at most {} days before `to`, and not after it", DAYS_MAX - 1);
        return Err(BadInput::invalid("from", problem).into());
    }
    let (agent_id, workspace_id) = (agent_id.to_string(), agent.workspace_id.to_string());
    // Planned for its agent and its days each time: agents differ by orders of magnitude.
    let ask = |sql: &'static str| {
        let query = sqlx::query(sql).bind(&agent_id).bind(&workspace_id).bind(from).bind(to);
        query.persistent(false)
    };
    let (days, funnel, events) = tokio::try_join!(
        ask(DAYS).fetch_all(&app.pool),
        ask(FUNNEL).fetch_one(&app.pool),
        ask(EVENTS).fetch_all(&app.pool),
    )?;
    let mut days = days.iter().map(figures).collect::<sqlx::Result<Vec<_>>>()?;
    // The total sorts last: it has no day.
    let total = days.pop().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Data {
        data: Insights {
            days,
            total,
            funnel: Funnel {
                visits: funnel.try_get("visits")?,
                conversations: funnel.try_get("conversations")?,
                answered: funnel.try_get("answered")?,
                leads: funnel.try_get("leads")?,
            },
            events: events.iter().map(event).collect::<sqlx::Result<Vec<_>>>()?,
        },
    })
}

fn figures(row: &PgRow) -> sqlx::Result<Figures> {
    Ok(Figures {
        day: row.try_get("day")?,
        visits: row.try_get("visits")?,
        conversations: row.try_get("conversations")?,
        handed_over: row.try_get("handed_over")?,
        answers: row.try_get("answers")?,
        low_confidence: row.try_get("low_confidence")?,
        first_token_p50_ms: row.try_get("first_token_p50_ms")?,
        first_token_p95_ms: row.try_get("first_token_p95_ms")?,
        leads: row.try_get("leads")?,
    })
}

fn event(row: &PgRow) -> sqlx::Result<EventCount> {
    Ok(EventCount {
        day: row.try_get("day")?,
        event: row.try_get("event")?,
        rule_id: row.try_get("rule_id")?,
        count: row.try_get("count")?,
    })
}
