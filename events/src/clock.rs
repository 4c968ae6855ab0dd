//! Time and randomness. They enter the system here and nowhere else, so that tests can set the clock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use ulid::Ulid;

/// A moment in UTC, to the millisecond, written as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime, example = "2026-05-07T13:00:00Z")]
pub struct Timestamp(
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    OffsetDateTime,
);

impl Timestamp {
    /// The moment `millis` milliseconds after 1970; moments beyond the year 9999 become 1970.
    pub fn from_unix_millis(millis: i64) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
        Self(moment.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    /// Milliseconds since 1970.
    pub fn unix_millis(self) -> i64 {
        i64::try_from(self.0.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Whole seconds since 1970, as JWT claims count.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// How long `self` is after `earlier`; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0 - earlier.0).unwrap_or_default()
    }

    /// This moment and `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }

    /// `duration` before this moment.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0 - duration)
    }

    /// The value of the `time` crate, as the database driver takes it.
    pub const fn to_offset_date_time(self) -> OffsetDateTime {
        self.0
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        Self::from_unix_millis(i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or_default())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What time it is. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds that tests moved the clock by; shared by all clones.
    shift_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The present, to the millisecond.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time comes from")]
    pub fn now(&self) -> Timestamp {
        let shift = time::Duration::milliseconds(self.shift_ms.load(Ordering::Relaxed));
        Timestamp::from(OffsetDateTime::now_utc() + shift)
    }

    /// Moves this clock and all its clones, for tests of what happens later.
    pub fn advance(&self, by: Duration) {
        self.shift_ms
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// A new ULID: 48 bits of time, 80 bits of operating-system-seeded randomness.
#[expect(clippy::disallowed_methods, reason = "this is the one place where ids come from")]
pub(crate) fn new_ulid() -> Ulid {
    Ulid::generate()
}

/// A fresh secret of 160 random bits as text, for anonymous ids that a browser did not bring.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where randomness comes from"
)]
pub fn new_secret() -> String {
    use rand::Rng;
    let mut bytes = [0_u8; 20];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// A fresh name for a socket, as the Pusher protocol writes it: two numbers, here with 128 random bits.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where randomness comes from"
)]
pub fn new_socket_id() -> String {
    use rand::RngExt;
    let (first, second): (u64, u64) = rand::rng().random();
    format!("{first}.{second}")
}

/// A fresh key of 256 random bits.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where randomness comes from"
)]
pub(crate) fn new_key() -> Vec<u8> {
    use rand::Rng;
    let mut bytes = vec![0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
