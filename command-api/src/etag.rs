//! `If-None-Match`, on what may be asked for again.

use axum::http::{HeaderMap, header};

/// Whether `If-None-Match` names this tag. Proxies make tags weak; for this comparison that does not matter.
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_known_tag_is_known_in_every_spelling() {
        for (sent, known) in [
            ("\"3:7\"", true),
            ("W/\"3:7\"", true),
            ("\"3:6\", \"3:7\"", true),
            ("*", true),
            ("\"3:6\"", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(sent))]);
            assert_eq!(is_known(&headers, "\"3:7\""), known, "{sent}");
        }
    }
}
