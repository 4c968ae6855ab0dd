//! How far partitions are behind, as the log counts it: what a durable consumer has not delivered, and what it has delivered
//! and is not acknowledged. Operators, `nats consumer info` and autoscalers see the same number, also while nobody works on
//! a partition, and while the database is away.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_nats::jetstream::{
    ErrorCode,
    context::{ConsumerInfoError, ConsumerInfoErrorKind},
};
use events::Log;
use futures::{StreamExt as _, stream};

use super::{Slot, trouble::Trouble};

/// All questions of one round together; the rest is asked in the next.
const PATIENCE: Duration = Duration::from_millis(500);
const CONCURRENCY: usize = 16;

/// The figures that this worker shows.
#[derive(Debug, Default)]
pub(super) struct Lags {
    shown: HashSet<Slot>,
}

impl Lags {
    /// Shows the lags of `slots`, whose last applied sequences come with them; what was shown before and is not among them
    /// is for others to show.
    pub(super) async fn show(&mut self, log: &Log, slots: HashMap<Slot, u64>) {
        for gone in self.shown.iter().filter(|slot| !slots.contains_key(slot)) {
            gone.labels().lag(0, Duration::ZERO);
        }
        self.shown = slots.keys().cloned().collect();
        let round = stream::iter(slots).for_each_concurrent(CONCURRENCY, |(slot, sequence)| async move {
            match of(log, &slot, sequence).await {
                Ok(Some((events, age))) => slot.labels().lag(events, age),
                // Nobody has opened it yet: there is nothing to ask.
                Ok(None) => {}
                Err(error) => tracing::debug!(?slot, %error, "a lag is not known"),
            }
        });
        // A log that does not answer is what readiness tells; the figures stay as they were.
        drop(tokio::time::timeout(PATIENCE, round).await);
    }
}

/// How many events of `slot` are not applied, and since when the oldest of them is in the log.
async fn of(log: &Log, slot: &Slot, sequence: u64) -> Result<Option<(u64, Duration)>, Trouble> {
    let stream = log.stream(slot.partition).await?;
    let info = match stream.consumer_info(slot.version.consumer(slot.partition)).await {
        Ok(info) => info,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(Trouble::request("ask for a projection's lag")(error)),
    };
    let events = info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
    if events == 0 {
        return Ok(Some((0, Duration::ZERO)));
    }
    // None when it was applied, or erased, meanwhile.
    let stored_at = log.next_stored_at(slot.partition, sequence + 1).await?;
    let age = stored_at.map_or(Duration::ZERO, |stored_at| log.clock().now().since(stored_at));
    Ok(Some((events, age)))
}

fn is_not_found(error: &ConsumerInfoError) -> bool {
    match error.kind() {
        ConsumerInfoErrorKind::NotFound => true,
        ConsumerInfoErrorKind::JetStream(inner) => inner.error_code() == ErrorCode::CONSUMER_NOT_FOUND,
        _ => false,
    }
}
