//! Visitors' tokens: HS256 with the claims of the contract, ten lines of which would be wrong in most libraries' defaults.
//!
//! Contract, "JWT format": `iss` is `pitchbar`, a token lives 60 minutes and names one conversation. Time comes from the
//! caller, so that tests can set it. A `kid` names the secret; a token without one is tried with both.

use events::{AgentId, ConversationId, Timestamp, VisitorId};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use edge::Secret;

/// How long a token is good for.
const LIFETIME_SECONDS: i64 = 60 * 60;

const ISSUER: &str = "pitchbar";

/// How far ahead, in seconds, the clock of the instance that issued a token may be.
const CLOCK_SKEW_S: i64 = 5;

/// Longer texts are no tokens of ours.
const TOKEN_BYTES_MAX: usize = 2_048;

/// What a token says, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
    pub agent_id: AgentId,
    pub visitor_id: VisitorId,
    pub conversation_id: ConversationId,
}

impl Claims {
    /// When the token was made, in whole seconds.
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.iat.saturating_mul(1_000))
    }
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    pub agent_id: AgentId,
    pub visitor_id: VisitorId,
    pub conversation_id: ConversationId,
}

/// A token and when it ends.
#[derive(Debug)]
pub struct IssuedToken {
    pub jwt: String,
    pub expires_at: Timestamp,
}

/// The token is not one of ours, or not any more. Which of the two is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// The secret in use and the one before it.
pub struct WidgetKeys {
    current: Key,
    previous: Option<Key>,
    validation: Validation,
}

struct Key {
    kid: String,
    signs: EncodingKey,
    verifies: DecodingKey,
}

impl Key {
    fn new(secret: &Secret) -> Self {
        let secret = secret.expose().as_bytes();
        let mut kid = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        kid.update(b"kid");
        let kid = kid.finalize().into_bytes();
        Self {
            kid: hex::encode(&kid[..4]),
            signs: EncodingKey::from_secret(secret),
            verifies: DecodingKey::from_secret(secret),
        }
    }
}

impl WidgetKeys {
    /// Signs with `current`, verifies with both.
    pub fn new(current: &Secret, previous: Option<&Secret>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "exp"]);
        // Times are compared below, by our own clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            current: Key::new(current),
            previous: previous.map(Key::new),
            validation,
        }
    }

    /// A token for one conversation, good from `now` on.
    ///
    /// # Panics
    /// Never: claims serialise, and HMAC signs with any key.
    pub fn issue(&self, bearer: Bearer, now: Timestamp) -> IssuedToken {
        let iat = now.unix_seconds();
        let exp = iat + LIFETIME_SECONDS;
        let Bearer {
            agent_id,
            visitor_id,
            conversation_id,
        } = bearer;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            iat,
            exp,
            agent_id,
            visitor_id,
            conversation_id,
        };
        let header = Header {
            kid: Some(self.current.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let jwt = jsonwebtoken::encode(&header, &claims, &self.current.signs).expect("claims serialise, HMAC signs");
        IssuedToken {
            jwt,
            expires_at: Timestamp::from_unix_millis(exp * 1_000),
        }
    }

    /// What the token says, when it is ours and `now` lies in its time.
    ///
    /// # Errors
    /// It is not; the caller learns no more.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, InvalidToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken)?;
        if header.crit.is_some() {
            return Err(InvalidToken);
        }
        let claims = self
            .keys()
            .filter(|key| header.kid.as_ref().is_none_or(|kid| *kid == key.kid))
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, &key.verifies, &self.validation).ok())
            .ok_or(InvalidToken)?
            .claims;
        let now = now.unix_seconds();
        if now >= claims.exp || claims.iat > now + CLOCK_SKEW_S {
            Err(InvalidToken)
        } else {
            Ok(claims)
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const OLD_SECRET: &str = "fedcba9876543210fedcba9876543210";
    const BEARER: Bearer = Bearer {
        agent_id: AgentId::from_bits(1),
        visitor_id: VisitorId::from_bits(2),
        conversation_id: ConversationId::from_bits(3),
    };

    #[test]
    fn a_token_says_exactly_what_the_contract_says() {
        let issued = keys().issue(BEARER, now());
        let mut parts = issued.jwt.split('.');
        let (header, claims) = (json_of(parts.next()), json_of(parts.next()));
        assert_eq!(header["alg"], "HS256");
        assert!(header["kid"].is_string(), "{header}");
        assert_eq!(
            claims,
            json!({
                "iss": "pitchbar",
                "iat": 1_714_900_000,
                "exp": 1_714_903_600,
                "agent_id": BEARER.agent_id,
                "visitor_id": BEARER.visitor_id,
                "conversation_id": BEARER.conversation_id,
            })
        );
        assert_eq!(issued.expires_at.unix_seconds(), 1_714_903_600);
    }

    #[test]
    fn keys_and_claims_by_table() {
        let changed = |field, value| with(claims(), field, value);
        let table = [
            ("ours", sign(SECRET, &claims()), true),
            ("of the last rotation", sign(OLD_SECRET, &claims()), true),
            (
                "of somebody else",
                sign("another secret of thirty-two bytes", &claims()),
                false,
            ),
            (
                "of another issuer",
                sign(SECRET, &changed("iss", json!("other"))),
                false,
            ),
            ("of no ULID", sign(SECRET, &changed("agent_id", json!("nobody"))), false),
            ("of no agent", sign(SECRET, &changed("agent_id", Value::Null)), false),
            ("empty", String::new(), false),
            ("no token", "not.a.token".to_owned(), false),
            ("endless", "a".repeat(10_000), false),
        ];
        for (what, token, good) in table {
            assert_eq!(keys().verify(&token, now()).is_ok(), good, "{what}");
        }
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let other = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(), &key).expect("a token");
        assert_eq!(keys().verify(&other, now()), Err(InvalidToken), "of another algorithm");
    }

    #[test]
    fn times_by_table() {
        let at = now().unix_seconds();
        let table = [
            ("ended just now", "exp", json!(at), false),
            ("ends in a second", "exp", json!(at + 1), true),
            ("issued by a clock slightly ahead", "iat", json!(at + 5), true),
            ("from the future", "iat", json!(at + 6), false),
            ("ends as text", "exp", json!((at + 1).to_string()), false),
        ];
        for (what, field, value, good) in table {
            let token = sign(SECRET, &with(claims(), field, value));
            assert_eq!(keys().verify(&token, now()).is_ok(), good, "{what}");
        }
    }

    #[test]
    fn no_claim_may_be_missing() {
        for field in ["iss", "iat", "exp", "agent_id", "visitor_id", "conversation_id"] {
            let mut claims = claims();
            claims.as_object_mut().expect("an object").remove(field);
            assert_eq!(
                keys().verify(&sign(SECRET, &claims), now()),
                Err(InvalidToken),
                "{field}"
            );
        }
    }

    #[test]
    fn a_token_that_is_longer_than_any_of_ours_is_not_looked_at() {
        let padded = |chars| sign(SECRET, &with(claims(), "padding", json!("x".repeat(chars))));
        for (bytes, good) in [(2_048, true), (2_049, false)] {
            let token = (1_000..1_500).map(padded).find(|token| token.len() == bytes);
            let token = token.expect("a token of this length");
            assert_eq!(keys().verify(&token, now()).is_ok(), good, "{bytes} bytes");
        }
    }

    #[test]
    fn a_token_says_when_it_was_made() {
        let issued = keys().issue(BEARER, now()).jwt;
        let claims = keys().verify(&issued, now()).expect("valid");
        assert_eq!(claims.issued_at(), Timestamp::from_unix_millis(1_714_900_000_000));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let unsigned = format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims()));
        assert_eq!(keys().verify(&unsigned, now()), Err(InvalidToken));
    }

    #[test]
    fn a_tampered_token_is_refused() {
        let issued = keys().issue(BEARER, now()).jwt;
        let parts: Vec<&str> = issued.split('.').collect();
        let mut claims = claims();
        claims["visitor_id"] = json!(VisitorId::from_bits(9));
        let tampered = format!("{}.{}.{}", parts[0], part(&claims), parts[2]);
        assert_eq!(keys().verify(&tampered, now()), Err(InvalidToken));
    }

    #[test]
    fn no_byte_of_a_token_can_be_another() {
        let (keys, issued) = (keys(), keys().issue(BEARER, now()).jwt);
        assert!(keys.verify(&issued, now()).is_ok());
        for at in 0..issued.len() {
            for other in (0..128_u8).filter(|other| *other != issued.as_bytes()[at]) {
                let mut changed = issued.clone();
                changed.replace_range(at..=at, char::from(other).encode_utf8(&mut [0; 4]));
                assert_eq!(keys.verify(&changed, now()), Err(InvalidToken), "{changed}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_refused(parts in prop::collection::vec("[A-Za-z0-9_-]{0,60}|.{0,20}", 0..5), alone in "(?s).{0,200}") {
            prop_assert_eq!(keys().verify(&parts.join("."), now()), Err(InvalidToken));
            prop_assert_eq!(keys().verify(&alone, now()), Err(InvalidToken));
        }

        #[test]
        fn whatever_is_signed_with_another_secret_is_refused(secret in ".{0,64}", kid in prop::option::of("[0-9a-f]{8}")) {
            prop_assume!(secret != SECRET && secret != OLD_SECRET);
            let header = Header { kid, ..Header::new(Algorithm::HS256) };
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&header, &claims(), &key).expect("a token");
            prop_assert_eq!(keys().verify(&token, now()), Err(InvalidToken));
        }
    }

    #[test]
    fn a_key_id_of_nobody_is_refused() {
        let header = Header {
            kid: Some("nobody".to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&header, &claims(), &key).expect("a token");
        assert_eq!(keys().verify(&token, now()), Err(InvalidToken));
    }

    fn keys() -> WidgetKeys {
        WidgetKeys::new(
            &Secret::from(SECRET.to_owned()),
            Some(&Secret::from(OLD_SECRET.to_owned())),
        )
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_714_900_000_500)
    }

    fn sign(secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).expect("a token")
    }

    fn with(mut claims: Value, field: &str, value: Value) -> Value {
        claims[field] = value;
        claims
    }

    fn claims() -> Value {
        let iat = now().unix_seconds();
        json!({
            "iss": "pitchbar",
            "iat": iat,
            "exp": iat + 3_600,
            "agent_id": BEARER.agent_id,
            "visitor_id": BEARER.visitor_id,
            "conversation_id": BEARER.conversation_id,
        })
    }

    fn part(value: &Value) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn json_of(part: Option<&str>) -> Value {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let bytes = URL_SAFE_NO_PAD.decode(part.expect("three parts")).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    }
}
