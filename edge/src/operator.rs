//! Tokens of operators and analysts: HS256 with `OPERATOR_JWT_SECRET`, of one workspace or of all.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use events::{Clock, Timestamp, WorkspaceId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "diagent";

/// Clocks of two machines may differ this much, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// A secret must have this many bytes.
pub const SECRET_BYTES_MIN: usize = 32;

/// Mints and verifies operator tokens.
#[derive(Clone)]
pub struct OperatorKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey")
    }
}

/// The secret is shorter than [`SECRET_BYTES_MIN`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("OPERATOR_JWT_SECRET must have at least {SECRET_BYTES_MIN} bytes")]
pub struct SecretTooShort;

/// The token is not one of ours, or not any more; all causes look the same.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("The token is missing or not valid.")]
pub struct Unauthorized;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeName {
    /// Read models and the replay.
    Read,
    /// Take conversations over.
    Write,
    /// Define workspaces, agents and knowledge.
    Admin,
}

impl FromStr for ScopeName {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownScope),
        }
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

/// The text is none of `read`, `write`, `admin`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("expected read, write or admin")]
pub struct UnknownScope;

/// Which workspaces a token reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    One(WorkspaceId),
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The token's `sub`.
    pub sub: String,
    /// What visitors see; the token's `name`.
    pub name: Option<String>,
    pub workspace: Scope,
    pub scopes: BTreeSet<ScopeName>,
}

impl Operator {
    /// Whether the token may do this.
    pub fn allows(&self, scope: ScopeName) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the token reaches this workspace. What it does not reach does not exist for it.
    pub fn may_see(&self, workspace_id: WorkspaceId) -> bool {
        match self.workspace {
            Scope::All => true,
            Scope::One(own) => own == workspace_id,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    workspace_id: String,
    scope: String,
    iat: i64,
    exp: i64,
}

impl OperatorKey {
    /// The key of `secret`.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn new(secret: &str) -> Result<Self, SecretTooShort> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(SecretTooShort);
        }
        let bytes = secret.as_bytes();
        Ok(Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        })
    }

    /// A token for `operator` that lives from `now` for `lifetime`.
    ///
    /// # Errors
    /// The claims cannot be signed.
    pub fn mint(
        &self,
        operator: &Operator,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let scopes: Vec<String> = operator.scopes.iter().map(ToString::to_string).collect();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: operator.sub.clone(),
            name: operator.name.clone(),
            workspace_id: match operator.workspace {
                Scope::All => "*".to_owned(),
                Scope::One(workspace_id) => workspace_id.to_string(),
            },
            scope: scopes.join(" "),
            iat: now.unix_seconds(),
            exp: now.plus(lifetime).unix_seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Who `token` is.
    ///
    /// # Errors
    /// It is not one of ours, or not any more.
    pub fn verify(&self, token: &str) -> Result<Operator, Unauthorized> {
        self.verify_at(token, Clock::default().now())
    }

    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Operator, Unauthorized> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Times are compared below, by the clock that tests can set.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[ISSUER]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| Unauthorized)?
            .claims;
        let now = now.unix_seconds();
        if claims.exp + LEEWAY_SECONDS <= now || claims.iat - LEEWAY_SECONDS > now {
            return Err(Unauthorized);
        }
        let workspace = match claims.workspace_id.as_str() {
            "*" => Scope::All,
            one => Scope::One(one.parse().map_err(|_| Unauthorized)?),
        };
        let scopes: Result<BTreeSet<ScopeName>, _> = claims.scope.split_whitespace().map(str::parse).collect();
        let scopes = scopes.map_err(|_| Unauthorized)?;
        Ok(Operator {
            sub: claims.sub,
            name: claims.name,
            workspace,
            scopes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_minted_token_says_who_it_is() {
        let token = key(SECRET)
            .mint(&operator(), at(0), Duration::from_hours(1))
            .expect("a token");
        assert_eq!(key(SECRET).verify_at(&token, at(10)).expect("valid"), operator());
    }

    #[test]
    fn a_token_of_another_time_or_key_is_refused() {
        let token = key(SECRET)
            .mint(&operator(), at(100), Duration::from_mins(1))
            .expect("a token");
        assert!(key(SECRET).verify_at(&token, at(50)).is_err(), "from the future");
        assert!(key(SECRET).verify_at(&token, at(200)).is_err(), "expired");
        assert!(
            key("another secret of thirty-two bytes")
                .verify_at(&token, at(110))
                .is_err()
        );
        assert!(key(SECRET).verify_at("x.y.z", at(110)).is_err());
    }

    #[test]
    fn clocks_of_two_machines_may_differ_a_little() {
        let token = key(SECRET)
            .mint(&operator(), at(100), Duration::from_secs(100))
            .expect("a token");
        for (now, good) in [(94, false), (95, true), (204, true), (205, false)] {
            assert_eq!(key(SECRET).verify_at(&token, at(now)).is_ok(), good, "{now}");
        }
    }

    #[test]
    fn a_token_allows_what_it_names_and_a_key_is_never_printed() {
        assert!(operator().allows(ScopeName::Read) && operator().allows(ScopeName::Write));
        assert!(!operator().allows(ScopeName::Admin));
        assert_eq!(format!("{:?}", key(SECRET)), "OperatorKey");
    }

    #[test]
    fn other_algorithms_and_claims_are_refused() {
        let claims = |iss: &str, scope: &str, workspace: &str| serde_json::json!({ "iss": iss, "sub": "u", "workspace_id": workspace, "scope": scope, "iat": 0, "exp": 100 });
        let sign = |algorithm, claims: &serde_json::Value| {
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
        };
        let verify = |token: String| key(SECRET).verify_at(&token, at(10));
        assert!(verify(sign(Algorithm::HS256, &claims("diagent", "read", "*"))).is_ok());
        assert!(verify(sign(Algorithm::HS512, &claims("diagent", "read", "*"))).is_err());
        assert!(verify(sign(Algorithm::HS256, &claims("pitchbar", "read", "*"))).is_err());
        assert!(verify(sign(Algorithm::HS256, &claims("diagent", "root", "*"))).is_err());
        assert!(verify(sign(Algorithm::HS256, &claims("diagent", "read", "mine"))).is_err());
    }

    #[test]
    fn a_short_secret_is_no_secret() {
        assert!(OperatorKey::new("short").is_err());
    }

    #[test]
    fn a_token_of_one_workspace_sees_no_other() {
        let Scope::One(own) = operator().workspace else {
            panic!("of one workspace")
        };
        assert!(operator().may_see(own));
        assert!(!operator().may_see(WorkspaceId::from_bits(2)));
    }

    fn key(secret: &str) -> OperatorKey {
        OperatorKey::new(secret).expect("long enough")
    }

    fn operator() -> Operator {
        Operator {
            sub: "robin".to_owned(),
            name: Some("Robin".to_owned()),
            workspace: Scope::One(WorkspaceId::from_bits(1)),
            scopes: BTreeSet::from([ScopeName::Read, ScopeName::Write]),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }
}
