//! Typed ULIDs. All identifiers that leave this system are 26 characters of Crockford base 32.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};
use sha2::{Digest, Sha256};
use ulid::Ulid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, example = "01JA8Q5T3V9Y6ZK4W2M7XN8RBC")]
        pub struct $name(
            #[serde(deserialize_with = "from_text")]
            #[schemars(with = "String", length(equal = 26))]
            Ulid,
        );

        impl $name {
            /// An id that sorts by the time it was made and cannot be guessed (80 random bits).
            pub fn generate() -> Self {
                Self(crate::clock::new_ulid())
            }

            /// The id with exactly these 128 bits, for ids that are derived from something else.
            pub const fn from_bits(bits: u128) -> Self {
                Self(Ulid(bits))
            }

            /// The 128 bits behind the text.
            pub const fn bits(self) -> u128 {
                self.0.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                read(text).map(Self)
            }
        }
    )*};
}

/// An id has one spelling: what is counted or compared as text could else be had under many. `ulid` also takes small letters,
/// and drops what does not fit into 128 bits.
fn read(text: &str) -> Result<Ulid, InvalidId> {
    let fits = text.as_bytes().first().is_some_and(|first| *first <= b'7');
    if !fits || text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(InvalidId);
    }
    Ulid::from_string(text).map_err(|_| InvalidId)
}

/// As `ulid` reads an id, but without a copy of the text: a rebuild reads several in each event.
fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ulid, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Ulid;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a ULID of 26 characters")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Ulid, E> {
            read(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text)
}

ids! {
    /// A customer of the operator: the tenant. Quotas and operator tokens are per workspace.
    WorkspaceId,
    /// One chat agent on one site.
    AgentId,
    /// One browser of one agent's site, see [`VisitorId::derive`].
    VisitorId,
    /// One conversation of one visitor.
    ConversationId,
    /// One message of a conversation, whoever wrote it. A turn is named by the id of its answer; a reply may be derived, see
    /// [`MessageId::derive`].
    MessageId,
    /// One contact of one agent, see [`LeadId::derive`].
    LeadId,
    /// One page of an agent's knowledge, see [`DocumentId::derive`].
    DocumentId,
    /// One event in the log.
    EventId,
    /// The proof of an erasure.
    ReceiptId,
}

/// The text is not a ULID: 26 characters of Crockford base 32, at most `7ZZZZZZZZZZZZZZZZZZZZZZZZZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a ULID of 26 characters")]
pub struct InvalidId;

impl VisitorId {
    /// The visitor that `anonymous_id` means on `agent_id`'s site. Derived, so that init needs no look-up and two racing
    /// inits meet in one aggregate. The anonymous id is a bearer secret and is stored nowhere.
    pub fn derive(agent_id: AgentId, anonymous_id: &str) -> Self {
        Self::from_bits(digest_bits("visitor", agent_id, anonymous_id))
    }
}

impl MessageId {
    /// The reply that `operator_id` calls `name`: a repeat of it is the same message.
    pub fn derive(conversation_id: ConversationId, operator_id: &str, name: &str) -> Self {
        let digest = Sha256::new()
            .chain_update("reply")
            .chain_update(conversation_id.bits().to_be_bytes())
            .chain_update(operator_id.len().to_be_bytes())
            .chain_update(operator_id)
            .chain_update(name)
            .finalize();
        Self::from_bits(first_128_bits(&digest))
    }
}

impl LeadId {
    /// The lead that an e-mail address means for `agent_id`; `email` is already folded by [`crate::lead::fold_email`].
    /// `key` is the log's own secret ([`crate::log::Identity`]), so that an id that leaks does not give the address away.
    #[expect(clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn derive(key: &[u8], agent_id: AgentId, email: &str) -> Self {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(&agent_id.bits().to_be_bytes());
        mac.update(email.as_bytes());
        Self::from_bits(first_128_bits(&mac.finalize().into_bytes()))
    }
}

impl DocumentId {
    /// The document at `url` in the knowledge of `agent_id`: putting the same address again replaces it.
    pub fn derive(agent_id: AgentId, url: &str) -> Self {
        Self::from_bits(digest_bits("document", agent_id, url))
    }
}

fn digest_bits(purpose: &str, agent_id: AgentId, text: &str) -> u128 {
    let digest = Sha256::new()
        .chain_update(purpose)
        .chain_update(agent_id.bits().to_be_bytes())
        .chain_update(text)
        .finalize();
    first_128_bits(&digest)
}

fn first_128_bits(digest: &[u8]) -> u128 {
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_survives_its_text_and_its_json(bits: u128) {
            let id = MessageId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(serde_json::from_str(&format!("\"{id}\"")).ok(), Some(id));
        }

        #[test]
        fn an_id_has_one_spelling(text in "[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}|[89A-HJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9A-HJKMNP-TV-Z]{25}|.{0,30}") {
            let id: Result<MessageId, _> = text.parse();
            prop_assert_eq!(id.map_or(text.clone(), |id| id.to_string()), text.clone());
            let read: Option<MessageId> = serde_json::to_string(&text).ok().and_then(|json| serde_json::from_str(&json).ok());
            prop_assert_eq!(read, id.ok());
        }
    }

    #[test]
    fn the_same_anonymous_id_is_another_visitor_on_another_site() {
        let (one, two) = (AgentId::from_bits(1), AgentId::from_bits(2));
        assert_eq!(VisitorId::derive(one, "anon"), VisitorId::derive(one, "anon"));
        assert_ne!(VisitorId::derive(one, "anon"), VisitorId::derive(two, "anon"));
    }

    #[test]
    fn derived_ids_never_change() {
        // The log depends on these bits: a change here would split every visitor in two.
        assert_eq!(
            VisitorId::derive(AgentId::from_bits(7), "anon_abc123").to_string(),
            "7P088G8M4S2WETHCX55BABN3MX"
        );
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for odd in [
            "not a ulid",
            "01ja8q5t3v9y6zk4w2m7xn8rbc",
            "81JA8Q5T3V9Y6ZK4W2M7XN8RBC",
            "01JA8Q5T3V9Y6ZK4W2M7XN8RBCC",
            "01JA8Q5T3V9Y6ZK4W2M7XN8RB",
            "",
        ] {
            assert_eq!(odd.parse::<MessageId>(), Err(InvalidId), "{odd}");
        }
        assert!("01JA8Q5T3V9Y6ZK4W2M7XN8RBC".parse::<MessageId>().is_ok());
    }
}
