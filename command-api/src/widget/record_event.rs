//! `POST /events`: what the widget reports of itself.
//!
//! Contract, "POST /v1/widget/events". A page that is being left can only send a beacon, which has no headers: its body then
//! carries the token, as `text/plain` so that no preflight is needed.

use axum::{
    extract::{FromRequest as _, Request, State},
    http::{HeaderValue, header, request::Parts},
};
use edge::{Committed, extract::Json};
use events::{
    ConversationId, Personal, Subject, Timestamp,
    telemetry::{Metadata, TelemetryEvent},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    app::App,
    checks::Checks,
    error::ApiError,
    guard::{
        caller,
        limits::{Bucket, RateSlot},
        visitor::Visitor,
    },
    metrics,
};

const EVENTS_MAX: usize = 50;
const NAME_CHARS_MAX: usize = 100;
const RULE_ID_CHARS_MAX: usize = 100;
const METADATA_BYTES_MAX: usize = 8 * 1_024;

/// One event, an array of up to 50, or either as a beacon with its token.
#[derive(utoipa::ToSchema, Deserialize)]
#[serde(untagged)]
pub enum EventsRequest {
    One(EventReport),
    Many(Vec<EventReport>),
    Beacon { token: String, events: Vec<EventReport> },
}

/// Something that was seen or done in the widget.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct EventReport {
    /// Lower-case letters, digits, `.`, `_` and `-`; at most 100.
    #[schema(example = "cta.click")]
    event: String,
    /// The behaviour rule that caused it.
    rule_id: Option<String>,
    /// The page it happened on.
    page_url: Option<String>,
    /// At most 8 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
}

/// How many events are in the log now.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Accepted {
    accepted: usize,
}

/// Stores telemetry. The token comes in `Authorization`, or from a beacon in the body.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    post, path = "/events", tag = "widget", request_body = EventsRequest,
    responses((status = 202, body = Accepted)),
)]
#[tracing::instrument(name = "widget.events.record", skip_all)]
pub async fn record_event(State(app): State<App>, request: Request) -> Result<Committed<Accepted>, ApiError> {
    let (parts, body) = request.into_parts();
    let (authorised, body) = match caller::bearer_token(&parts.headers) {
        // Who has a header is authenticated before the body is looked at.
        Some(token) => (Some(admit(&app, &parts, token).await?), body),
        None => (None, body),
    };
    let (headers, slot) = (parts.headers.clone(), RateSlot::of(&parts));
    let Json(body) = Json::<Value>::from_request(Request::from_parts(as_json(parts), body), &app).await?;
    let Reports { token, events } = Reports::of(body)?;
    let visitor = match (authorised, token) {
        (Some(visitor), _) => visitor,
        (None, Some(token)) => Visitor::admit(&app, &token, Bucket::Session, &headers, &slot).await?,
        (None, None) => return Err(ApiError::Unauthorized),
    };
    let events = checked(events, visitor.conversation_id, app.now())?;
    let subject = Subject::Telemetry {
        agent_id: visitor.agent_id,
        visitor_id: visitor.visitor_id,
    };
    let stored = metrics::timed("telemetry", app.log.append(&subject, &events, visitor.meta())).await;
    visitor.settle(&app).await?;
    Ok(Committed::accepted(stored?, Accepted { accepted: events.len() }))
}

async fn admit(app: &App, parts: &Parts, token: &str) -> Result<Visitor, ApiError> {
    Visitor::admit(app, token, Bucket::Session, &parts.headers, &RateSlot::of(parts)).await
}

/// A beacon is JSON whatever its content type says, since the browser lets it say only `text/plain`.
fn as_json(mut parts: Parts) -> Parts {
    let plain = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if plain.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/plain")) {
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    parts
}

/// What a body holds, whichever of its shapes it has.
struct Reports {
    token: Option<String>,
    events: Vec<Value>,
}

impl Reports {
    fn of(body: Value) -> Result<Self, ApiError> {
        let (token, events) = match body {
            Value::Array(events) => (None, events),
            Value::Object(mut map) => {
                let token = match map.remove("token") {
                    Some(Value::String(token)) => Some(token),
                    Some(_) => return Err(ApiError::field("token", "must be a text")),
                    None => None,
                };
                match map.remove("events") {
                    Some(Value::Array(events)) => (token, events),
                    Some(_) => return Err(ApiError::field("events", "must be an array")),
                    None => (token, vec![Value::Object(map)]),
                }
            }
            _ => return Err(ApiError::field("events", "must be an object or an array")),
        };
        if events.is_empty() || events.len() > EVENTS_MAX {
            return Err(ApiError::field(
                "events",
                format!("must have 1 to {EVENTS_MAX} entries"),
            ));
        }
        Ok(Self { token, events })
    }
}

fn checked(
    reports: Vec<Value>,
    conversation_id: ConversationId,
    at: Timestamp,
) -> Result<Vec<TelemetryEvent>, ApiError> {
    let mut checks = Checks::default();
    let single = reports.len() == 1;
    let mut events = Vec::with_capacity(reports.len());
    for (index, report) in reports.into_iter().enumerate() {
        let path = |field: &str| {
            if single {
                field.to_owned()
            } else {
                format!("[{index}].{field}")
            }
        };
        let EventReport {
            event,
            rule_id,
            page_url,
            metadata,
        } = match serde_json::from_value(report) {
            Ok(report) => report,
            Err(error) => {
                // The text may quote what was sent; what was expected is enough.
                let missing = error.to_string().contains("missing field `event`");
                checks.refuse(
                    path("event"),
                    if missing { "is missing" } else { "does not fit an event" },
                );
                continue;
            }
        };
        if !is_name(&event) {
            checks.refuse(
                path("event"),
                "must be 1 to 100 lower-case letters, digits, dots, underscores or hyphens",
            );
        }
        if let Some(rule_id) = &rule_id {
            checks.line(&path("rule_id"), rule_id, 1..=RULE_ID_CHARS_MAX);
        }
        checks.page_url(page_url.as_deref());
        if let Some(metadata) = &metadata {
            checks.json(&path("metadata"), metadata, METADATA_BYTES_MAX);
        }
        events.push(TelemetryEvent::Recorded {
            event,
            rule_id,
            conversation_id,
            page_url: page_url.map(Into::into),
            metadata: metadata.map(Personal::new),
            at,
        });
    }
    checks.finish()?;
    Ok(events)
}

fn is_name(name: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(alphabet)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_by_shape() {
        let event = json!({ "event": "cta.click" });
        let table = [
            (event.clone(), None, 1),
            (json!([event, event]), None, 2),
            (json!({ "events": [event] }), None, 1),
            (json!({ "token": "jwt", "events": [event, event] }), Some("jwt"), 2),
            (json!({ "token": "jwt", "event": "cta.click" }), Some("jwt"), 1),
        ];
        for (body, token, count) in table {
            let Reports { token: found, events } = Reports::of(body.clone()).expect("a shape");
            assert_eq!((found.as_deref(), events.len()), (token, count), "{body}");
            assert_eq!(
                checked(events, ConversationId::from_bits(1), now())
                    .map(|events| events.len())
                    .ok(),
                Some(count)
            );
        }
    }

    #[test]
    fn no_event_and_too_many_are_refused() {
        for body in [
            json!([]),
            json!(vec![json!({ "event": "x" }); 51]),
            json!("x"),
            json!({ "events": 1 }),
        ] {
            assert!(Reports::of(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn events_by_table() {
        let table = [
            (
                json!({ "event": "launcher.opened", "rule_id": "r", "metadata": { "x": 1 } }),
                vec![],
            ),
            (json!({ "event": "Cta Click" }), vec!["event"]),
            (json!({ "event": "" }), vec!["event"]),
            (json!({ "event": "x".repeat(101) }), vec!["event"]),
            (json!({}), vec!["event"]),
            (
                json!({ "event": "x", "metadata": { "big": "x".repeat(9_000) } }),
                vec!["metadata"],
            ),
            (json!({ "event": "x", "metadata": { "n": "\0" } }), vec!["metadata"]),
            (json!({ "event": "x", "metadata": ["no object"] }), vec!["event"]),
            (json!({ "event": "x", "rule_id": "" }), vec!["rule_id"]),
        ];
        for (report, expected) in table {
            let refused: Vec<String> = match checked(vec![report.clone()], ConversationId::from_bits(1), now()) {
                Err(ApiError::Invalid { fields }) => fields.into_iter().map(|field| field.field).collect(),
                _ => vec![],
            };
            assert_eq!(refused, expected, "{report}");
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}
