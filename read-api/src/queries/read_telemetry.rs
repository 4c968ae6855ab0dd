//! `GET /api/v1/agents/{agent_id}/telemetry`

use axum::extract::State;
use edge::{
    BadInput, Data,
    extract::{Path, Query},
};
use events::AgentId;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, postgres::PgRow};
use time::{Date, format_description::well_known::Iso8601};

use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const COUNTS: &str = "SELECT day::text, event, coalesce(rule_id, '') AS rule_id, coalesce(page, '') AS page, count::bigint \
    FROM read.telemetry_counts WHERE agent_id = $1 AND workspace_id = $2 \
    AND ($3::date IS NULL OR day >= $3) AND ($4::date IS NULL OR day <= $4) \
    ORDER BY day DESC, count DESC, event, rule_id, page LIMIT 10000";

/// Which days.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The first day (2026-05-07)
    #[param(format = Date)]
    from: Option<String>,
    /// The last day
    #[param(format = Date)]
    to: Option<String>,
}

/// How often something happened on a day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TelemetryCount {
    /// In UTC.
    day: String,
    event: String,
    /// The behaviour rule that caused it; empty when none did.
    rule_id: String,
    /// The page's path; empty when unknown.
    page: String,
    count: i64,
}

/// Counts what happened in the widget, by day, event, rule and page.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/telemetry", tag = "telemetry", params(("agent_id" = AgentId, Path), Filter),
    responses((status = 200, body = Data<Vec<TelemetryCount>>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.telemetry", skip_all, fields(agent.id = %agent_id))]
pub async fn read_telemetry(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Data<Vec<TelemetryCount>>, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    let (from, to) = (parse_day("from", filter.from)?, parse_day("to", filter.to)?);
    min_position.wait(&app, "telemetry").await?;
    let query = sqlx::query(COUNTS)
        .bind(agent_id.to_string())
        .bind(agent.workspace_id.to_string())
        .bind(from)
        .bind(to);
    let rows = query.fetch_all(&app.pool).await?;
    Ok(Data {
        data: rows.iter().map(count).collect::<sqlx::Result<Vec<_>>>()?,
    })
}

/// A parameter with a day.
///
/// # Errors
/// It is no ISO 8601 date.
pub(super) fn parse_day(field: &str, text: Option<String>) -> Result<Option<Date>, BadInput> {
    let parse = |text: String| Date::parse(&text, &Iso8601::DATE);
    text.map(parse)
        .transpose()
        .map_err(|_| BadInput::invalid(field, "it must be a day such as 2026-05-07"))
}

fn count(row: &PgRow) -> sqlx::Result<TelemetryCount> {
    Ok(TelemetryCount {
        day: row.try_get("day")?,
        event: row.try_get("event")?,
        rule_id: row.try_get("rule_id")?,
        page: row.try_get("page")?,
        count: row.try_get("count")?,
    })
}
