//! `Json`, `Path` and `Query` that answer with the envelope and name the field that is wrong.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use crate::envelope::{Answer, Failure, FieldError, failure_response};

/// How deep a JSON body may nest.
pub const DEPTH_MAX: usize = 32;

/// The path of the whole input.
const ROOT: &str = ".";

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The input is not what the endpoint takes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadInput {
    #[error("The body is not JSON.")]
    NotJson,
    #[error("The body must be sent as application/json.")]
    MediaType,
    #[error("The body is too large.")]
    TooLarge,
    #[error("The body did not arrive in time.")]
    TooSlow,
    #[error("The body could not be read.")]
    BrokenOff,
    #[error("The field {} is not valid: {}", .0.field, .0.message)]
    Invalid(FieldError),
    #[error("There is no such thing here.")]
    NotFound,
}

impl BadInput {
    /// The field `field` is wrong for the reason that `message` says.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(FieldError {
            field: field.into(),
            message: message.into(),
        })
    }
}

impl Failure for BadInput {
    fn answer(&self) -> Answer {
        match self {
            Self::NotJson => Answer::new(StatusCode::BAD_REQUEST, "malformed_json"),
            Self::BrokenOff => Answer::new(StatusCode::BAD_REQUEST, "malformed_body"),
            Self::MediaType => Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::TooLarge => Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::TooSlow => Answer::new(StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::NotFound => Answer::new(StatusCode::NOT_FOUND, "not_found"),
            Self::Invalid(field) => Answer {
                fields: vec![field.clone()],
                ..Answer::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed")
            },
        }
    }
}

impl IntoResponse for BadInput {
    fn into_response(self) -> Response {
        failure_response(self)
    }
}

/// A JSON body. The router's body limit holds.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = BadInput;

    async fn from_request(request: Request, state: &S) -> Result<Self, BadInput> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !is_json(kind) {
            return Err(BadInput::MediaType);
        }
        parse_json(&read_body(request, state).await?).map(Self)
    }
}

/// The bytes of a body, within the router's limit and ten seconds.
///
/// # Errors
/// It is too large, too slow, or broke off.
pub async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, BadInput> {
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err(from_rejection(&rejection)),
        Err(_) => Err(BadInput::TooSlow),
    }
}

/// Reads `body` as JSON that nests at most [`DEPTH_MAX`] deep.
///
/// # Errors
/// It is no JSON, or a field does not fit.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadInput> {
    if depth(body) > DEPTH_MAX {
        return Err(BadInput::invalid(
            "body",
            format!("it nests deeper than {DEPTH_MAX} levels"),
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // A number where a name is expected is, to serde, a matter of syntax.
        let is_json = error.is_data() || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        if is_json {
            data_error(&path, &error.to_string())
        } else {
            BadInput::NotJson
        }
    })?;
    reader.end().map_err(|_| BadInput::NotJson)?;
    Ok(value)
}

/// A path's parameters; what does not fit names nothing that exists.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = BadInput;

    #[expect(
        clippy::disallowed_types,
        reason = "this is the extractor that the others are replaced by"
    )]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, BadInput> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| BadInput::NotFound)
    }
}

/// A query's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = BadInput;

    #[expect(
        clippy::disallowed_types,
        reason = "this is the extractor that the others are replaced by"
    )]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, BadInput> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| {
                // "Failed to deserialize query string: limit: invalid digit found in string"
                let text = rejection.body_text();
                let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
                match reason.split_once(": ") {
                    Some((field, message)) => BadInput::invalid(field, message),
                    None => data_error(ROOT, reason),
                }
            })
    }
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn from_rejection(rejection: &BytesRejection) -> BadInput {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        BadInput::TooLarge
    } else {
        BadInput::BrokenOff
    }
}

/// Names the field: `path` leads to what does not fit, and serde's message may name a field in it.
fn data_error(path: &str, message: &str) -> BadInput {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let named = message.split('`').nth(1).filter(|_| message.contains("field `"));
    let field = match named {
        Some(named) if path == ROOT => named.to_owned(),
        // An unknown field is in the path already; a missing one is not.
        Some(named) if path != named && !path.ends_with(&format!(".{named}")) => format!("{path}.{named}"),
        None if path == ROOT => "body".to_owned(),
        Some(_) | None => path.to_owned(),
    };
    BadInput::invalid(field, message)
}

/// How deep arrays and objects nest, without parsing: a deep body must not reach the parser's stack.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Body {
        agent_id: String,
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = parse_json::<Body>(b"{}").expect_err("no agent_id");
        assert_eq!(error.answer().fields[0].field, "agent_id");
        assert_eq!(error.answer().status, 422);
    }

    #[test]
    fn a_field_within_is_named_by_its_path() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read by serde")]
        struct Outer {
            bodies: Vec<Body>,
            count: Option<u8>,
        }
        let table = [
            (r#"{"bodies":[{"agent_id":"a"},{}]}"#, "bodies[1].agent_id"),
            (r#"{"bodies":[{"agent_id":7}]}"#, "bodies[0].agent_id"),
            (r#"{"bodies":[],"count":-1}"#, "count"),
            (r#"{"bodies":[],"cuont":1}"#, "cuont"),
            (r#"{"bodies":7}"#, "bodies"),
            ("[]", "body"),
            ("7", "body"),
        ];
        for (body, expected) in table {
            let error = parse_json::<Outer>(body.as_bytes()).expect_err("it does not fit");
            assert_eq!(error.answer().fields[0].field, expected, "{body}: {error}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in [
            &b""[..],
            b"{",
            b"nope",
            b"{\"agent_id\":\"a\"} x",
            b"{\"agent_id\":\xff}",
        ] {
            assert_eq!(
                parse_json::<Body>(body).expect_err("no JSON").answer().code,
                "malformed_json"
            );
        }
    }

    #[test]
    fn a_number_where_a_name_is_expected_is_json_all_the_same() {
        #[derive(Debug, Deserialize)]
        enum Rating {
            Up,
        }
        let error = parse_json::<Rating>(b"5").expect_err("no rating");
        assert_eq!(error.answer().status, 422);
        assert!(matches!(parse_json::<Rating>(b"\"Up\""), Ok(Rating::Up)));
    }

    #[test]
    fn deep_json_is_refused_before_it_is_parsed() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_json::<serde_json::Value>(deep(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(
            parse_json::<serde_json::Value>(deep(DEPTH_MAX + 1).as_bytes())
                .expect_err("too deep")
                .answer()
                .status,
            422
        );
        assert_eq!(depth(br#"{"a":"[[[[\"[["}"#), 1);
    }
}
