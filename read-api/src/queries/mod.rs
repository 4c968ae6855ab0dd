//! What a site's team reads: one file per list or thing.

pub mod list_agents;
pub mod list_conversations;
pub mod list_documents;
pub mod list_gaps;
pub mod list_leads;
pub mod list_projections;
pub mod list_team_conversations;
pub mod read_conversation;
pub mod read_erasure;
pub mod read_insights;
pub mod read_knowledge;
pub mod read_telemetry;
pub mod read_usage;
mod search;

use edge::BadInput;
use events::Timestamp;
use sqlx::{Row as _, postgres::PgRow};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A column with a time.
fn time(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    Ok(row.try_get::<OffsetDateTime, _>(column)?.into())
}

/// A parameter with a time.
///
/// # Errors
/// It is no RFC 3339.
pub(crate) fn parse_time(field: &str, text: Option<&str>) -> Result<Option<OffsetDateTime>, BadInput> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339);
    text.map(parse)
        .transpose()
        .map_err(|_| BadInput::invalid(field, "it must be a time such as 2026-05-07T13:00:00Z"))
}

/// A parameter that is looked for inside of texts.
///
/// # Errors
/// It is longer than anybody types.
fn parse_search(text: Option<String>) -> Result<Option<String>, BadInput> {
    match text {
        Some(text) if text.chars().count() > 200 || text.contains('\0') => {
            Err(BadInput::invalid("q", "it must be at most 200 characters"))
        }
        Some(text) if text.trim().is_empty() => Ok(None),
        Some(text) => Ok(Some(format!(
            "%{}%",
            text.trim()
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
        ))),
        None => Ok(None),
    }
}
