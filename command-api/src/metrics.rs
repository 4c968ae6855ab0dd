//! Every figure of this role: name, unit, meaning.

use std::time::{Duration, Instant};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// How long a write took until the log acknowledged it. Label `aggregate`.
const APPEND_SECONDS: &str = "command_append_duration_seconds";
/// From the request to the first token that is sent on.
const FIRST_TOKEN_SECONDS: &str = "widget_first_token_seconds";
/// Streams that are open now.
const OPEN_STREAMS: &str = "widget_open_streams";
/// Streams that ended. Label `outcome`: done, error, gone, slow, draining.
const STREAMS: &str = "widget_streams_total";
/// Sockets and event streams that are open now.
const OPEN_SOCKETS: &str = "live_open_sockets";
/// Sockets that ended. Label `outcome`: gone, refused, `no_room`, `nothing_joined`, slow, silent, `too_much`, `too_large`,
/// erased, draining, aged.
const SOCKETS: &str = "live_sockets_total";
/// Events that were sent to a listener. Label `event`.
const EVENTS: &str = "live_events_total";
/// Requests that a limit refused. Label `bucket`.
const THROTTLED: &str = "widget_throttled_total";
/// Requests that passed because the counter could not be reached. Label `bucket`.
const FAILED_OPEN: &str = "widget_limits_failed_open_total";
/// Conversations that the quota refused.
const OVER_QUOTA: &str = "widget_over_quota_total";

/// Tells the recorder what the names mean. Once per process; a repeat is harmless.
pub fn describe() {
    describe_histogram!(
        APPEND_SECONDS,
        Unit::Seconds,
        "Time until the log acknowledged a write."
    );
    describe_histogram!(
        FIRST_TOKEN_SECONDS,
        Unit::Seconds,
        "Time from a message to the first token sent on."
    );
    describe_gauge!(OPEN_STREAMS, Unit::Count, "Answer streams that are open now.");
    describe_counter!(STREAMS, Unit::Count, "Answer streams that ended, by outcome.");
    describe_gauge!(
        OPEN_SOCKETS,
        Unit::Count,
        "Sockets and event streams that are open now."
    );
    describe_counter!(
        SOCKETS,
        Unit::Count,
        "Sockets and event streams that ended, by outcome."
    );
    describe_counter!(EVENTS, Unit::Count, "Live events that were sent, by name.");
    describe_counter!(THROTTLED, Unit::Count, "Requests that a rate limit refused, by bucket.");
    describe_counter!(
        FAILED_OPEN,
        Unit::Count,
        "Requests let through because their counter could not be reached."
    );
    describe_counter!(
        OVER_QUOTA,
        Unit::Count,
        "Conversations refused because the month's quota was used up."
    );
}

/// Runs a write and notes how long it took when it succeeded.
///
/// # Errors
/// The write's own.
pub async fn timed<T, E>(aggregate: &'static str, write: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let started = Instant::now();
    let written = write.await;
    if written.is_ok() {
        histogram!(APPEND_SECONDS, "aggregate" => aggregate).record(started.elapsed());
    }
    written
}

/// The first token of an answer went out.
pub fn first_token(took: Duration) {
    histogram!(FIRST_TOKEN_SECONDS).record(took);
}

/// A limit refused a request.
pub fn throttled(bucket: &'static str) {
    counter!(THROTTLED, "bucket" => bucket).increment(1);
}

/// A limit could not be asked.
pub fn failed_open(bucket: &'static str) {
    counter!(FAILED_OPEN, "bucket" => bucket).increment(1);
}

/// The quota refused a conversation.
pub fn over_quota() {
    counter!(OVER_QUOTA).increment(1);
}

/// A stream ended.
pub fn stream_ended(outcome: &'static str) {
    counter!(STREAMS, "outcome" => outcome).increment(1);
}

/// A socket ended.
pub fn socket_ended(outcome: &'static str) {
    counter!(SOCKETS, "outcome" => outcome).increment(1);
}

/// A listener was told of an event.
pub fn event_told(event: &'static str) {
    counter!(EVENTS, "event" => event).increment(1);
}

/// Counts one open socket until dropped.
#[derive(Debug)]
pub struct OpenSocket(());

impl OpenSocket {
    /// One more socket is open.
    pub fn begin() -> Self {
        gauge!(OPEN_SOCKETS).increment(1);
        Self(())
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        gauge!(OPEN_SOCKETS).decrement(1);
    }
}

/// Counts one open stream until dropped.
#[derive(Debug)]
pub struct OpenStream(());

impl OpenStream {
    /// One more stream is open.
    pub fn begin() -> Self {
        gauge!(OPEN_STREAMS).increment(1);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(OPEN_STREAMS).decrement(1);
    }
}
