//! `GET /api/v1/schemas` and `/api/v1/schemas/{type}`: what `dataschema` of an event means.

use std::collections::BTreeMap;

use axum::extract::State;
use edge::{Data, extract::Path};
use serde_json::Value;

use crate::{access::Reader, app::App, error::ApiError};

/// Lists the JSON Schemas of all event types, by `<type>:<version>`.
///
/// # Errors
/// `unauthorized`, `forbidden`.
#[utoipa::path(
    get, path = "/schemas", tag = "replay", responses((status = 200, body = Data<Object>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.schemas", skip_all)]
pub async fn list_schemas(State(_app): State<App>, _reader: Reader) -> Result<Data<BTreeMap<String, Value>>, ApiError> {
    let schemas = events::schema::all().into_iter();
    Ok(Data {
        data: schemas
            .map(|((kind, version), schema)| (format!("{kind}:{version}"), schema))
            .collect(),
    })
}

/// Reads the JSON Schema of one event type, in its newest version or as `<type>:<version>`.
///
/// # Errors
/// `unauthorized`, `forbidden`, `schema_not_found`.
#[utoipa::path(
    get, path = "/schemas/{type}", tag = "replay", params(("type" = String, Path)),
    responses((status = 200, body = Data<Object>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.schema", skip_all)]
pub async fn read_schema(
    State(_app): State<App>,
    _reader: Reader,
    Path(name): Path<String>,
) -> Result<Data<Value>, ApiError> {
    let (kind, version) = match name.rsplit_once(':') {
        Some((kind, version)) => (kind, version.parse().ok()),
        None => (name.as_str(), None),
    };
    let mut found = events::schema::all().into_iter().filter(|((known, known_version), _)| {
        known == kind && (!name.contains(':') || version == Some(*known_version))
    });
    found
        .next_back()
        .map(|(_, schema)| Data { data: schema })
        .ok_or(ApiError::SchemaNotFound)
}
