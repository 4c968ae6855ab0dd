//! The log: `JetStream` streams, and everything that reads or appends to them.
//!
//! - [`Log::connect`] creates the streams, or checks that those which stand are the ones it expects (`streams`).
//! - [`Log::execute`] loads an aggregate, decides, and commits with the sequence it decided on (`execute`, `store`).
//! - [`Log::append`] records facts that nobody decides, many requests in one batch (`group_commit`).
//! - `read` finds and reads events; `erase` takes a visitor out; `frames`, `counters`, `revocations` are the small streams
//!   beside the log that hold what need not be kept.

mod connect;
mod counters;
mod direct_get;
mod erase;
mod error;
mod execute;
mod fetched;
mod frames;
mod group_commit;
mod publish;
mod read;
mod revocations;
mod snapshots;
mod store;
mod streams;

use std::sync::Arc;

use self::{connect::Connection, group_commit::GroupCommit, store::Caches};
pub use self::{
    connect::{ConnectError, LogConfig, at_start},
    counters::Counter,
    erase::Erasure,
    error::{ExecuteError, LogError, ReadError},
    execute::{Loaded, Receipt},
    fetched::next_fetched,
    frames::{FrameWriter, FramesPage},
    revocations::{Erased, Revocations},
    store::{Loading, Stored},
    streams::Identity,
};
use crate::Clock;

/// The log of one installation. Cheap to clone; all clones share one connection, one cache and one group commit.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Connection,
    identity: Identity,
    /// How many servers hold each stream.
    replicas: usize,
    clock: Clock,
    caches: Caches,
    group_commit: GroupCommit,
}

impl Log {
    /// What this log is.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// How many partitions hold visitors' events.
    pub fn partitions(&self) -> u16 {
        self.shared.identity.partitions
    }

    /// Whether what a server says may be old: of several that hold a stream some lag, and one that was away may take itself
    /// for the leader still.
    pub fn may_lag(&self) -> bool {
        self.shared.replicas > 1
    }

    /// The time that events get.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The connection, for messages that are not events: frames, stops, typing.
    pub fn client(&self) -> &async_nats::Client {
        &self.shared.connection.client
    }

    /// The same connection's `JetStream`.
    pub fn jetstream(&self) -> &async_nats::jetstream::Context {
        &self.shared.connection.jetstream
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("identity", &self.shared.identity)
            .finish_non_exhaustive()
    }
}
