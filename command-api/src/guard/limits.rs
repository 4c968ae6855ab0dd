//! Rate limits: fixed windows of a minute, the same on every instance, because the log counts.
//!
//! Contract, "Rate limits". Keys are hashed: neither a token nor an address is stored. When the counter cannot be reached the
//! request passes and a metric says so.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderValue, request::Parts},
    middleware::Next,
    response::Response,
};
use events::log::Counter;
use sha2::{Digest, Sha256};

use crate::{app::App, error::ApiError, metrics};

const WINDOW: Duration = Duration::from_mins(1);

/// A counter that does not answer within this must not hold up a visitor.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// `init`, by client address and agent.
    Init,
    /// Writing, by token.
    Session,
    /// Reading, by token.
    Read,
    /// Leads, by token.
    Leads,
}

impl Bucket {
    const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Session => "session",
            Self::Read => "read",
            Self::Leads => "leads",
        }
    }

    fn limit(self, app: &App) -> u64 {
        match self {
            Self::Init => app.limits.limit_init_per_minute,
            Self::Session => app.limits.limit_session_per_minute,
            Self::Read => app.limits.limit_read_per_minute,
            Self::Leads => app.limits.limit_leads_per_minute,
        }
    }
}

/// How much of a limit is left, for the `RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    limit: u64,
    remaining: u64,
    reset: Duration,
}

/// Carries the rate of a request from the guard that counted it to the layer that writes the headers.
#[derive(Debug, Clone, Default)]
pub struct RateSlot(Arc<OnceLock<Rate>>);

impl RateSlot {
    /// The slot of this request; one that nobody reads when there is no layer.
    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

/// Counts a request of `key`.
///
/// # Errors
/// `throttled`, with the seconds until the window ends.
pub async fn admit(app: &App, bucket: Bucket, key: &str, slot: &RateSlot) -> Result<(), ApiError> {
    let limit = bucket.limit(app);
    if limit == 0 {
        return Ok(());
    }
    let counter = Counter::Window {
        bucket: bucket.name(),
        key,
        window: WINDOW,
    };
    let now = app.now();
    let total = match tokio::time::timeout(PATIENCE, app.log.count(counter, now)).await {
        Ok(Ok(total)) => total,
        Ok(Err(error)) => {
            tracing::warn!(
                bucket = bucket.name(),
                error = &error as &dyn std::error::Error,
                "a limit is not counted"
            );
            metrics::failed_open(bucket.name());
            return Ok(());
        }
        Err(_) => {
            tracing::warn!(bucket = bucket.name(), "a limit is not counted in time");
            metrics::failed_open(bucket.name());
            return Ok(());
        }
    };
    let reset = counter.resets_after(now);
    // The slot is written once per request, and each request is counted once.
    let _first = slot.0.set(Rate {
        limit,
        remaining: limit.saturating_sub(total),
        reset,
    });
    if total > limit {
        metrics::throttled(bucket.name());
        return Err(ApiError::Throttled { retry_after: reset });
    }
    Ok(())
}

/// The form of a key that may be stored: a hash, in letters and digits.
pub fn key(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..16])
}

/// Writes `RateLimit-Limit`, `-Remaining` and `-Reset` on answers to requests that were counted.
pub async fn announce(mut request: Request, next: Next) -> Response {
    let slot = RateSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(Rate {
        limit,
        remaining,
        reset,
    }) = slot.0.get()
    {
        let headers = response.headers_mut();
        headers.insert("ratelimit-limit", HeaderValue::from(*limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(*remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(reset.as_secs().max(1)));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_token_of_a_subject() {
        let hashed = key(&["203.0.113.9", "agent"]);
        assert!(
            hashed.len() == 32 && hashed.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{hashed}"
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}
