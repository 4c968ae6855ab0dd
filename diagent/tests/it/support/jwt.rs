//! Tokens as an outsider with or without the secret would make them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use events::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// What the stacks sign visitors' tokens with.
pub(crate) const WIDGET_SECRET: &str = "it-widget-secret-0123456789abcdef0123456789";

/// What the stacks verify operators' tokens with.
pub(crate) const OPERATOR_SECRET: &str = "it-operator-secret-0123456789abcdef01234567";

/// The claims in a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token, unverified.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// JSON in the form of a token's parts.
pub(crate) fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Signs `claims`.
pub(crate) fn sign(algorithm: Algorithm, kid: Option<&str>, secret: &str, claims: &Value) -> String {
    let header = Header {
        kid: kid.map(str::to_owned),
        ..Header::new(algorithm)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
}

/// An operator's token, as `diagent token` mints them.
pub(crate) fn operator(sub: &str, workspace_id: &str, scope: &str) -> String {
    person(sub, Some(sub), workspace_id, scope)
}

/// The same, of somebody whose name is another than their account's, or none.
pub(crate) fn person(sub: &str, name: Option<&str>, workspace_id: &str, scope: &str) -> String {
    let now = Clock::default().now().unix_seconds();
    let claims = serde_json::json!({
        "iss": "diagent", "sub": sub, "name": name, "workspace_id": workspace_id, "scope": scope, "iat": now, "exp": now + 3_600,
    });
    sign(Algorithm::HS256, None, OPERATOR_SECRET, &claims)
}
