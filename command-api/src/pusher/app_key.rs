//! The application's key and secret: who may listen is signed, so that the instance with the socket need not ask the one
//! that knew the token.

use edge::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs subscriptions.
#[derive(Debug, Clone)]
pub struct AppKey {
    key: String,
    secret: Secret,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    pub socket_id: &'a str,
    pub channel: &'a str,
    /// Who listens, where the channel's members should know: JSON.
    pub channel_data: Option<&'a str>,
}

impl AppKey {
    /// `key` is public and names the application, `secret` is not.
    pub const fn new(key: String, secret: Secret) -> Self {
        Self { key, secret }
    }

    /// The secret of an installation that was given none: whoever shares `widget` shares it.
    pub(crate) fn derived_secret(widget: &Secret) -> Secret {
        let widget = widget.expose().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(widget).expect("HMAC takes keys of any length");
        mac.update(b"reverb app secret");
        hex::encode(mac.finalize().into_bytes()).into()
    }

    /// The public half.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `<key>:<signature in hex>`, as clients pass it on.
    pub fn sign(&self, grant: Grant<'_>) -> String {
        let signature = hex::encode(self.mac(grant).finalize().into_bytes());
        format!("{}:{signature}", self.key)
    }

    /// Whether `auth` is what [`Self::sign`] answered for the same grant.
    pub fn verifies(&self, grant: Grant<'_>, auth: &str) -> bool {
        let signature = auth.strip_prefix(&self.key).and_then(|rest| rest.strip_prefix(':'));
        let Some(Ok(signature)) = signature.map(hex::decode) else {
            return false;
        };
        self.mac(grant).verify_slice(&signature).is_ok()
    }

    fn mac(&self, grant: Grant<'_>) -> Hmac<Sha256> {
        let secret = self.secret.expose().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        let Grant {
            socket_id,
            channel,
            channel_data,
        } = grant;
        mac.update(format!("{socket_id}:{channel}").as_bytes());
        if let Some(channel_data) = channel_data {
            mac.update(format!(":{channel_data}").as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_protocols_documentation() {
        assert_eq!(
            app().sign(GRANT),
            "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
        );
        let member = Grant {
            channel: "presence-foobar",
            channel_data: Some("{\"user_id\":10,\"user_info\":{\"name\":\"Mr. Channels\"}}"),
            ..GRANT
        };
        assert_eq!(
            app().sign(member),
            "278d425bdf160c739803:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"
        );
    }

    #[test]
    fn a_signature_is_good_for_its_grant_alone() {
        let auth = app().sign(GRANT);
        assert!(app().verifies(GRANT, &auth));
        let changed = [
            Grant {
                socket_id: "1234.1235",
                ..GRANT
            },
            Grant {
                channel: "private-foobaz",
                ..GRANT
            },
            Grant {
                channel_data: Some("{}"),
                ..GRANT
            },
        ];
        for grant in changed {
            assert!(!app().verifies(grant, &auth), "{grant:?}");
        }
        let signature = auth.split_once(':').expect("two parts").1;
        for auth in ["", ":", "278d425bdf160c739803:", "278d425bdf160c739803:zz", signature] {
            assert!(!app().verifies(GRANT, auth), "{auth}");
        }
    }

    #[test]
    fn an_installation_without_a_secret_of_its_own_has_one_that_is_not_the_widgets() {
        let widget = |text: &str| Secret::from(text.to_owned());
        let signs_with = |secret| AppKey::new("key".to_owned(), secret).sign(GRANT);
        let derived = |text| signs_with(AppKey::derived_secret(&widget(text)));
        assert_eq!(derived("one"), derived("one"), "every instance has the same");
        assert_ne!(derived("one"), derived("two"));
        assert_ne!(derived("one"), signs_with(widget("one")));
        assert_eq!(app().key(), "278d425bdf160c739803");
    }

    const GRANT: Grant<'static> = Grant {
        socket_id: "1234.1234",
        channel: "private-foobar",
        channel_data: None,
    };

    fn app() -> AppKey {
        let secret = "7ad3773142a6692b25b8".to_owned();
        AppKey::new("278d425bdf160c739803".to_owned(), secret.into())
    }
}
