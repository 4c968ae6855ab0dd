//! Which sites may embed an agent: origins are compared parsed, never as text.
//!
//! Features, "Origins": an empty list refuses, `*` allows also without an origin, else scheme, host and port must be equal.
//! `Referer` stands in for a missing `Origin`; an `Origin` that is there decides alone.

use axum::http::{HeaderMap, header};
use url::Url;

use crate::error::ApiError;

/// Allows every site.
pub const ANY: &str = "*";

/// A scheme, a host in its ASCII form, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]` and nothing before, behind or within it. The word `null` is no origin.
    pub fn parse(text: &str) -> Option<Self> {
        // The parser tidies up what no browser sends: a name of nobody, a path that leads nowhere, an empty query, tabs.
        let (_, host) = text.split_once("://")?;
        let untidy = |char: char| "/\\@?#".contains(char) || char.is_whitespace() || char.is_control();
        if host.contains(untidy) {
            return None;
        }
        Self::of(&Url::parse(text).ok()?)
    }

    /// The origin of a whole address.
    pub fn of_page(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text).ok()?)
    }

    fn of(url: &Url) -> Option<Self> {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: host.to_owned(),
            port: url.port_or_known_default(),
        })
    }
}

/// Lets the request in when its origin is one of `allowed`.
///
/// # Errors
/// `origin_forbidden`.
pub fn check(allowed: &[String], headers: &HeaderMap) -> Result<(), ApiError> {
    if is_allowed(allowed, headers) {
        Ok(())
    } else {
        Err(ApiError::OriginForbidden)
    }
}

fn is_allowed(allowed: &[String], headers: &HeaderMap) -> bool {
    if allowed.iter().any(|entry| entry == ANY) {
        return true;
    }
    let Some(origin) = sent(headers) else { return false };
    allowed
        .iter()
        .any(|entry| Origin::parse(entry).is_some_and(|entry| entry == origin))
}

/// The origin that the request came with, if it is one.
fn sent(headers: &HeaderMap) -> Option<Origin> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => Origin::parse(origin.to_str().ok()?),
        (Some(_), Some(_)) => None,
        (None, _) => Origin::of_page(headers.get(header::REFERER)?.to_str().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// What is printed of an origin.
    fn text(origin: &Origin) -> String {
        let Origin { scheme, host, port } = origin;
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{host}{port}")
    }

    fn plain() -> impl Strategy<Value = String> {
        "(https?|capacitor)://([a-z0-9]{1,9}(\\.[a-z]{2,9}){0,2}|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{0,3})?"
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_an_origin_or_none(
            text in plain(), junk in "\\PC{0,8}|[\\x00-\\x7f]{0,8}", at in any::<prop::sample::Index>(), alone in "(?s).{0,60}",
        ) {
            let mut sent = text;
            sent.insert_str(at.index(sent.len() + 1), &junk);
            for sent in [sent, alone] {
                let Some(origin) = Origin::parse(&sent) else { continue };
                prop_assert_eq!(Origin::parse(&self::text(&origin)), Some(origin), "{}", sent);
            }
        }

        #[test]
        fn an_origin_that_says_more_is_not_that_origin(
            text in plain(), user in "\\PC{0,8}", behind in "[/?#\\\\][^\\x00]{0,12}",
        ) {
            let origin = Origin::parse(&text);
            prop_assume!(origin.is_some());
            let (scheme, host) = text.split_once("://").expect("both");
            prop_assert_ne!(&Origin::parse(&format!("{scheme}://{user}@{host}")), &origin);
            prop_assert_ne!(&Origin::parse(&format!("{text}{behind}")), &origin);
        }
    }

    /// Allowed origins, `Origin`, `Referer`, and whether the request comes in.
    type Row = (
        &'static [&'static str],
        Option<&'static str>,
        Option<&'static str>,
        bool,
    );

    #[test]
    fn origins_by_table() {
        let shop: &[&str] = &["https://shop.example"];
        let table: &[Row] = &[
            (&[], Some("https://shop.example"), None, false),
            (shop, Some("https://shop.example"), None, true),
            (shop, Some("https://SHOP.example"), None, true),
            (shop, Some("https://shop.example:443"), None, true),
            (shop, Some("http://shop.example"), None, false),
            (shop, Some("https://shop.example:8443"), None, false),
            (shop, Some("https://www.shop.example"), None, false),
            (shop, Some("https://shop.example.evil.example"), None, false),
            (shop, Some("https://shop.example@evil.example"), None, false),
            (shop, Some("https://evil.example/https://shop.example"), None, false),
            (shop, Some("https://shop.example/"), None, false),
            (shop, Some("https://shop.example/path"), None, false),
            (shop, Some("https://user@shop.example"), None, false),
            (shop, Some("https://@shop.example"), None, false),
            (shop, Some("https://:@shop.example"), None, false),
            (shop, Some("https://shop.example/."), None, false),
            (shop, Some("https://shop.example/a/.."), None, false),
            (shop, Some("https://shop.example\\."), None, false),
            (shop, Some("https:shop.example"), None, false),
            (shop, Some("https://shop\t.example"), None, false),
            (shop, Some("null"), None, false),
            (shop, Some(""), None, false),
            (shop, None, None, false),
            (shop, None, Some("https://shop.example/cart?x=1"), true),
            (shop, None, Some("https://evil.example/https://shop.example"), false),
            (shop, Some("null"), Some("https://shop.example/"), false),
            (shop, Some("https://evil.example"), Some("https://shop.example/"), false),
            (&["null"], Some("null"), None, false),
            (&["*"], Some("https://anything.example"), None, true),
            (&["*"], None, None, true),
            (&["https://*.example"], Some("https://shop.example"), None, false),
            (&["http://localhost:3000"], Some("http://localhost:3000"), None, true),
            (&["http://localhost"], Some("http://localhost:3000"), None, false),
            (&["http://127.0.0.1:80"], Some("http://127.0.0.1"), None, true),
            (
                &["http://[::1]:8080"],
                Some("http://[0:0:0:0:0:0:0:1]:8080"),
                None,
                true,
            ),
            (
                &["https://bücher.example"],
                Some("https://xn--bcher-kva.example"),
                None,
                true,
            ),
            (&["capacitor://localhost"], Some("capacitor://localhost"), None, true),
            (
                &["https://a.example", "https://shop.example"],
                Some("https://shop.example"),
                None,
                true,
            ),
        ];
        for (allowed, origin, referer, expected) in table {
            let allowed: Vec<String> = allowed.iter().map(|&entry| entry.to_owned()).collect();
            let mut headers = HeaderMap::new();
            headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
            headers.extend(referer.map(|referer| (header::REFERER, HeaderValue::from_static(referer))));
            assert_eq!(
                check(&allowed, &headers).is_ok(),
                *expected,
                "{allowed:?} {origin:?} {referer:?}"
            );
        }
    }

    #[test]
    fn what_a_parser_would_tidy_up_is_no_origin() {
        let origin = "https://shop.example";
        assert!(Origin::parse(origin).is_some());
        for untidy in [" ", "\t", "\n", "\u{1}", "\u{1f}"] {
            for text in [format!("{origin}{untidy}"), format!("https://shop{untidy}.example")] {
                assert_eq!(Origin::parse(&text), None, "{text:?}");
            }
        }
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, HeaderValue::from_static("https://shop.example"));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(
            !is_allowed(&["https://shop.example".to_owned()], &headers),
            "which of the two?"
        );
    }
}
