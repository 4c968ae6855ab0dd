//! Counters that are the same on every instance: one publish adds one and answers the total.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;

use super::{
    Log, LogError,
    publish::{Acknowledgement, RequestProblem},
};
use crate::{Timestamp, WorkspaceId};

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Counter<'a> {
    /// Requests of `key` in the current window of `window` seconds, for a rate limit. `key` is a token of a subject:
    /// letters and digits only, so callers hash what they count by. A window is at most a minute.
    Window {
        bucket: &'static str,
        key: &'a str,
        window: Duration,
    },
    /// New conversations of a workspace in the current calendar month, in UTC.
    Month { workspace_id: WorkspaceId },
}

impl Counter<'_> {
    /// How long after `now` the count begins anew.
    pub fn resets_after(&self, now: Timestamp) -> Duration {
        match self {
            Self::Window { window, .. } => {
                let window = window_seconds(*window);
                Duration::from_secs(u64::try_from(window - now.unix_seconds().rem_euclid(window)).unwrap_or(1))
            }
            Self::Month { .. } => {
                let date = now.to_offset_date_time().date();
                let days = u64::from(date.month().length(date.year()) - date.day());
                let today = u64::try_from(now.unix_seconds().rem_euclid(86_400)).unwrap_or_default();
                Duration::from_secs((days + 1) * 86_400 - today)
            }
        }
    }

    /// Where it is counted; the window is part of it, since the age of a counter slides with each increment.
    fn subject(&self, now: Timestamp) -> String {
        match self {
            Self::Window { bucket, key, window } => {
                format!(
                    "lim.{bucket}.{}.{key}",
                    now.unix_seconds().div_euclid(window_seconds(*window))
                )
            }
            Self::Month { workspace_id } => {
                let date = now.to_offset_date_time().date();
                format!("quota.{workspace_id}.{:04}{:02}", date.year(), u8::from(date.month()))
            }
        }
    }
}

fn window_seconds(window: Duration) -> i64 {
    i64::try_from(window.as_secs().max(1)).unwrap_or(60)
}

impl Log {
    /// Adds one to the window or month that `at` is in, and answers the total with it.
    ///
    /// # Errors
    /// The counter cannot be reached; a limit lets the request pass then, a quota does not.
    pub async fn count(&self, counter: Counter<'_>, at: Timestamp) -> Result<u64, LogError> {
        self.add(&counter.subject(at), "+1").await
    }

    /// Takes back what was counted `at` some time, and answers the total without it.
    ///
    /// # Errors
    /// The counter cannot be reached.
    pub async fn refund(&self, counter: Counter<'_>, at: Timestamp) -> Result<u64, LogError> {
        self.add(&counter.subject(at), "-1").await
    }

    async fn add(&self, subject: &str, amount: &str) -> Result<u64, LogError> {
        self.up().await?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Incr", amount);
        match self.request(subject, headers, Bytes::new()).await {
            Ok(Acknowledgement::Stored { val, .. }) => {
                // A total below zero is one that was refunded after its window ended.
                let total = val
                    .and_then(|total| total.parse::<i64>().ok())
                    .ok_or(LogError::Unacknowledged)?;
                Ok(u64::try_from(total).unwrap_or_default())
            }
            Ok(Acknowledgement::Refused { error }) => Err(error.into()),
            Err(RequestProblem::Away(error)) => Err(error),
            Err(RequestProblem::Unclear) => Err(LogError::Unacknowledged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Counter<'_> = Counter::Window {
        bucket: "init",
        key: "k",
        window: Duration::from_mins(1),
    };

    #[test]
    fn a_window_begins_on_the_minute() {
        let now = Timestamp::from_unix_millis(125_000);
        assert_eq!(MINUTE.subject(now), "lim.init.2.k");
        assert_eq!(MINUTE.resets_after(now), Duration::from_secs(55));
    }

    #[test]
    fn a_quota_begins_with_the_month() {
        let counter = Counter::Month {
            workspace_id: WorkspaceId::from_bits(0),
        };
        // 2026-12-31T23:59:50Z
        let now = Timestamp::from_unix_millis(1_798_761_590_000);
        assert_eq!(counter.subject(now), "quota.00000000000000000000000000.202612");
        assert_eq!(counter.resets_after(now), Duration::from_secs(10));
    }
}
