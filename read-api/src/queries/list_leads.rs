//! `GET /api/v1/agents/{agent_id}/leads`, as JSON pages or one CSV.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use edge::{
    BadInput,
    extract::{Path, Query},
};
use events::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow};

use super::{parse_search, time};
use crate::{
    access::Reader,
    app::App,
    cursor::{self, Cursor, Page},
    error::ApiError,
    wait_for_position::MinPosition,
};

const LIST: &str = "SELECT lead_id, email, name, phone, fields, consent, consented_at, submissions::bigint, \
    first_seen_at, last_seen_at, conversation_id, visitor_id FROM read.leads \
    WHERE agent_id = $1 AND workspace_id = $2 AND ($3::text IS NULL OR email ILIKE $3 OR name ILIKE $3) \
    AND ($4::timestamptz IS NULL OR (last_seen_at, lead_id) < ($4, $5)) \
    ORDER BY last_seen_at DESC, lead_id DESC LIMIT $6";

/// Rows that a CSV fetches at a time.
const CSV_ROWS: i64 = 1_000;

const CSV_HEADER: &str = "lead_id,email,name,phone,fields,submissions,first_seen_at,last_seen_at,conversation_id,consent,\
    consented_at\r\n";

/// Which leads.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// A part of the e-mail address or the name
    q: Option<String>,
    /// `csv` for all of them as one file
    format: Option<String>,
    /// The `next_cursor` of the page before
    cursor: Option<String>,
    /// 1 to 200, by default 50
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// One contact: all submissions with one e-mail address.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LeadRow {
    lead_id: String,
    email: String,
    name: Option<String>,
    phone: Option<String>,
    #[schema(value_type = Object)]
    fields: Value,
    /// What was agreed to last, in the words that the form had then
    consent: Option<String>,
    consented_at: Option<Timestamp>,
    submissions: i64,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    conversation_id: Option<String>,
    visitor_id: Option<String>,
    #[serde(skip)]
    seen_at: time::OffsetDateTime,
}

/// Lists an agent's leads, the last seen first.
///
/// # Errors
/// `unauthorized`, `forbidden`, `agent_not_found`, `validation_failed`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/agents/{agent_id}/leads", tag = "leads", params(("agent_id" = AgentId, Path), Filter),
    responses((status = 200, body = Page<LeadRow>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.leads", skip_all, fields(agent.id = %agent_id))]
pub async fn list_leads(
    State(app): State<App>,
    reader: Reader,
    Path(agent_id): Path<AgentId>,
    Query(filter): Query<Filter>,
    min_position: MinPosition,
) -> Result<Response, ApiError> {
    let agent = reader.agent(&app, agent_id).await?;
    let limit = cursor::limit(filter.limit)?;
    let after = filter.cursor.as_deref().map(Cursor::decode).transpose()?;
    let search = parse_search(filter.q)?;
    min_position.wait(&app, "leads").await?;
    let list = List {
        app,
        agent: agent_id.to_string(),
        workspace: agent.workspace_id.to_string(),
        search,
    };
    match filter.format.as_deref() {
        None | Some("json") => Ok(list.page(after, limit).await?.into_response()),
        Some("csv") => list.csv().await,
        Some(_) => Err(BadInput::invalid("format", "it must be json or csv").into()),
    }
}

struct List {
    app: App,
    agent: String,
    workspace: String,
    search: Option<String>,
}

impl List {
    async fn page(&self, after: Option<Cursor>, limit: i64) -> Result<Page<LeadRow>, ApiError> {
        let rows = sqlx::query(LIST)
            .bind(&self.agent)
            .bind(&self.workspace)
            .bind(&self.search)
            .bind(after.as_ref().map(|cursor| cursor.time))
            .bind(after.map(|cursor| cursor.id))
            .bind(limit + 1)
            .fetch_all(&self.app.pool)
            .await?;
        let rows = rows.iter().map(lead).collect::<sqlx::Result<Vec<_>>>()?;
        Ok(Page::new(rows, limit, |row| Cursor {
            time: row.seen_at,
            id: row.lead_id.clone(),
        }))
    }

    /// All leads, page by page as the reader takes them. The first page is fetched before the answer begins, so that a
    /// failure is an error and not half a file.
    async fn csv(self) -> Result<Response, ApiError> {
        let mut page = self.page(None, CSV_ROWS).await?;
        let lines = async_stream::stream! {
            yield Ok::<_, Infallible>(CSV_HEADER.to_owned());
            loop {
                yield Ok(page.data.iter().map(csv_line).collect());
                let Some(cursor) = page.next_cursor.as_deref().and_then(|cursor| Cursor::decode(cursor).ok()) else { return };
                page = match self.page(Some(cursor), CSV_ROWS).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "a CSV broke off");
                        return;
                    }
                };
            }
        };
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"leads.csv\""),
        ];
        Ok((headers, Body::from_stream(lines)).into_response())
    }
}

fn lead(row: &PgRow) -> sqlx::Result<LeadRow> {
    Ok(LeadRow {
        lead_id: row.try_get("lead_id")?,
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        phone: row.try_get("phone")?,
        fields: row.try_get("fields")?,
        consent: row.try_get("consent")?,
        consented_at: row
            .try_get::<Option<time::OffsetDateTime>, _>("consented_at")?
            .map(Into::into),
        submissions: row.try_get("submissions")?,
        first_seen_at: time(row, "first_seen_at")?,
        last_seen_at: time(row, "last_seen_at")?,
        conversation_id: row.try_get("conversation_id")?,
        visitor_id: row.try_get("visitor_id")?,
        seen_at: row.try_get("last_seen_at")?,
    })
}

fn csv_line(lead: &LeadRow) -> String {
    let cells = [
        lead.lead_id.clone(),
        lead.email.clone(),
        lead.name.clone().unwrap_or_default(),
        lead.phone.clone().unwrap_or_default(),
        lead.fields.to_string(),
        lead.submissions.to_string(),
        lead.first_seen_at.to_string(),
        lead.last_seen_at.to_string(),
        lead.conversation_id.clone().unwrap_or_default(),
        lead.consent.clone().unwrap_or_default(),
        lead.consented_at.map(|at| at.to_string()).unwrap_or_default(),
    ];
    format!("{}\r\n", cells.map(|cell| csv_cell(&cell)).join(","))
}

/// A quoted cell. One that a spreadsheet would take for a formula gets an apostrophe in front: visitors write these.
fn csv_cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text() {
        assert_eq!(csv_cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(csv_cell("+4930123"), "\"'+4930123\"");
        assert_eq!(csv_cell("Alex, Acme"), "\"Alex, Acme\"");
    }
}
