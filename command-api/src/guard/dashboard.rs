//! The dashboard is served by the read API, so that what it writes comes from another origin: it must be named to be let in.
//!
//! A token in a header is what authorizes; no cookie is involved. Naming the origins keeps other sites from even trying.

use std::{str::FromStr, sync::Arc};

use axum::http::HeaderValue;

use super::origin::Origin;

/// The origins on which the team opens the dashboard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DashboardOrigins(Arc<[Origin]>);

/// A part of the list is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not scheme://host[:port]")]
pub struct NoOrigin(String);

impl DashboardOrigins {
    /// Whether nobody is let in from another origin.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a browser's `Origin` is one of them.
    pub fn contain(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().ok().and_then(Origin::parse);
        origin.is_some_and(|origin| self.0.contains(&origin))
    }
}

impl FromStr for DashboardOrigins {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| Origin::parse(part).ok_or_else(|| NoOrigin(part.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_origins_are_let_in() {
        let origins: DashboardOrigins = "https://team.example, http://127.0.0.1:8081"
            .parse()
            .expect("two origins");
        assert!(!origins.is_empty());
        for own in [
            "https://team.example",
            "https://team.example:443",
            "http://127.0.0.1:8081",
        ] {
            assert!(origins.contain(&HeaderValue::from_static(own)), "{own}");
        }
        for other in [
            "http://team.example",
            "https://team.example.evil",
            "http://127.0.0.1:8080",
            "null",
            "",
        ] {
            assert!(!origins.contain(&HeaderValue::from_static(other)), "{other}");
        }
        assert!("".parse::<DashboardOrigins>().expect("none").is_empty());
        for wrong in ["*", "null", "team.example", "https://team.example/path"] {
            assert_eq!(wrong.parse::<DashboardOrigins>(), Err(NoOrigin(wrong.to_owned())));
        }
    }
}
