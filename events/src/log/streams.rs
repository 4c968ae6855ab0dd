//! The streams: made by the binary, checked against what stands.

use std::{collections::HashMap, fmt, time::Duration};

use async_nats::jetstream::{
    self,
    context::{CreateStreamErrorKind, GetStreamError, GetStreamErrorKind},
    stream::{Config, DiscardPolicy, StorageType},
};
use ulid::Ulid;

use super::{ConnectError, LogConfig, revocations};
use crate::{Partition, Timestamp, clock};

pub(super) const TOKENS: &str = "TOKENS";
pub(super) const SNAPSHOTS: &str = "SNAPSHOTS";
pub(super) const LIMITS: &str = "LIMITS";
pub(super) const QUOTA: &str = "QUOTA";
pub(super) const REVOKED: &str = "REVOKED";

/// A stream name that `JetStream` already uses.
const STREAM_NAME_IN_USE: u64 = 10058;

const LOG_ID: &str = "diagent.log_id";
const PARTITIONS: &str = "diagent.partitions";
const KEY: &str = "diagent.key";

/// Which log this is. Made when the log is created and kept in CONTROL's metadata, so that a checkpoint of another log is
/// never mistaken for one of this.
#[derive(Clone)]
pub struct Identity {
    pub log_id: Ulid,
    pub partitions: u16,
    /// The log's own secret: ids derived from personal data cannot be recomputed without it.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("log_id", &self.log_id)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Identity {
    fn generate(partitions: u16) -> Self {
        Self {
            log_id: clock::new_ulid(),
            partitions,
            key: clock::new_key(),
        }
    }

    fn to_metadata(&self) -> HashMap<String, String> {
        HashMap::from([
            (LOG_ID.to_owned(), self.log_id.to_string()),
            (PARTITIONS.to_owned(), self.partitions.to_string()),
            (KEY.to_owned(), hex::encode(&self.key)),
        ])
    }

    fn from_metadata(metadata: &HashMap<String, String>) -> Result<Self, ConnectError> {
        let field = |name: &'static str| metadata.get(name).ok_or(ConnectError::Foreign(name));
        Ok(Self {
            log_id: Ulid::from_string(field(LOG_ID)?).map_err(|_| ConnectError::Foreign(LOG_ID))?,
            partitions: field(PARTITIONS)?
                .parse()
                .map_err(|_| ConnectError::Foreign(PARTITIONS))?,
            key: hex::decode(field(KEY)?).map_err(|_| ConnectError::Foreign(KEY))?,
        })
    }
}

/// Creates the streams that are missing, compares those that stand, and says which log it is.
pub(super) async fn establish(jetstream: &jetstream::Context, config: &LogConfig) -> Result<Identity, ConnectError> {
    let mut control = log_stream(Partition::Control, "ctl.>", config.replicas);
    control.metadata = Identity::generate(config.partitions).to_metadata();
    let standing = create_or_check(jetstream, control).await?;
    let identity = Identity::from_metadata(&standing.metadata)?;
    if identity.partitions != config.partitions {
        return Err(ConnectError::Differs {
            stream: standing.name,
            field: "partitions",
            expected: config.partitions.to_string(),
            found: identity.partitions.to_string(),
        });
    }
    for p in 0..identity.partitions {
        let stream = log_stream(Partition::Events(p), &format!("evt.{p}.>"), config.replicas);
        create_or_check(jetstream, stream).await?;
    }
    for stream in beside_the_log(config.replicas) {
        create_or_check(jetstream, stream).await?;
    }
    Ok(identity)
}

/// Which log stands there; none when what stands there is none of ours.
pub(super) async fn standing_log_id(jetstream: &jetstream::Context) -> Result<Option<Ulid>, GetStreamError> {
    let control = jetstream.get_stream(Partition::Control.stream()).await?;
    let identity = Identity::from_metadata(&control.cached_info().config.metadata);
    Ok(identity.ok().map(|identity| identity.log_id))
}

/// Makes the streams again that a restart of the server has lost, since they are kept in memory. Answers since when TOKENS
/// stands, in milliseconds since 1970.
pub(super) async fn renew(jetstream: &jetstream::Context, replicas: usize) -> Result<i64, ConnectError> {
    let in_memory = |stream: &Config| stream.storage == StorageType::Memory;
    for stream in beside_the_log(replicas).into_iter().filter(in_memory) {
        create_or_check(jetstream, stream).await?;
    }
    frames_since(jetstream).await
}

/// Since when TOKENS stands, in milliseconds since 1970 by the server's clock.
pub(super) async fn frames_since(jetstream: &jetstream::Context) -> Result<i64, ConnectError> {
    let tokens = jetstream.get_stream(TOKENS).await;
    let tokens = tokens.map_err(|error| ConnectError::Stream {
        stream: TOKENS.to_owned(),
        source: error.into(),
    })?;
    Ok(Timestamp::from(tokens.cached_info().created).unix_millis())
}

/// A stream whose messages are the truth. The limit per subject is no limit in practice: with it, and without `max_bytes`,
/// the server chooses 4 MB blocks, which load a cold aggregate four times as fast as 8 MB ones.
fn log_stream(partition: Partition, subjects: &str, replicas: usize) -> Config {
    Config {
        name: partition.stream(),
        subjects: vec![subjects.to_owned()],
        storage: StorageType::File,
        max_messages_per_subject: 1_000_000,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        allow_direct: true,
        allow_atomic_publish: true,
        duplicate_window: Duration::from_mins(2),
        num_replicas: replicas,
        ..Config::default()
    }
}

fn beside_the_log(replicas: usize) -> [Config; 5] {
    let stream = |name: &str, subjects: &str, storage, max_age, per_subject| Config {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        storage,
        max_age,
        max_messages_per_subject: per_subject,
        allow_direct: true,
        duplicate_window: Duration::from_mins(2).min(if max_age.is_zero() { Duration::MAX } else { max_age }),
        num_replicas: replicas,
        ..Config::default()
    };
    let days = |days: u64| Duration::from_hours(24 * days);
    [
        stream(TOKENS, "tok.>", StorageType::Memory, Duration::from_mins(10), 100_000),
        stream(SNAPSHOTS, "snap.>", StorageType::File, days(7), 1),
        // The window stands in the subject, since an age slides with each increment.
        Config {
            allow_message_counter: true,
            ..stream(LIMITS, "lim.>", StorageType::Memory, Duration::from_mins(2), 1)
        },
        Config {
            allow_message_counter: true,
            ..stream(QUOTA, "quota.>", StorageType::File, days(62), 1)
        },
        stream(REVOKED, "revoked.>", StorageType::File, revocations::KEPT, 1),
    ]
}

async fn create_or_check(jetstream: &jetstream::Context, wanted: Config) -> Result<Config, ConnectError> {
    let stream = wanted.name.clone();
    let failed = |source: async_nats::Error| ConnectError::Stream {
        stream: stream.clone(),
        source,
    };
    let standing = match jetstream.get_stream(&stream).await {
        Ok(standing) => standing.cached_info().config.clone(),
        Err(error) if is_not_found(&error) => match jetstream.create_stream(wanted.clone()).await {
            Ok(created) => created.cached_info().config.clone(),
            // Another role was faster.
            Err(error) if is_name_in_use(&error) => jetstream
                .get_stream(&stream)
                .await
                .map_err(|error| failed(error.into()))?
                .cached_info()
                .config
                .clone(),
            Err(error) => return Err(failed(error.into())),
        },
        Err(error) => return Err(failed(error.into())),
    };
    match difference(&wanted, &standing) {
        None => Ok(standing),
        Some((field, expected, found)) => Err(ConnectError::Differs {
            stream,
            field,
            expected,
            found,
        }),
    }
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(ref inner) if inner.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

fn is_name_in_use(error: &jetstream::context::CreateStreamError) -> bool {
    matches!(error.kind(), CreateStreamErrorKind::JetStream(ref inner) if inner.error_code().0 == STREAM_NAME_IN_USE)
}

/// The first field that matters and is not as wanted.
fn difference(wanted: &Config, standing: &Config) -> Option<(&'static str, String, String)> {
    let fields: [(&'static str, String, String); 8] = [
        (
            "subjects",
            format!("{:?}", wanted.subjects),
            format!("{:?}", standing.subjects),
        ),
        (
            "storage",
            format!("{:?}", wanted.storage),
            format!("{:?}", standing.storage),
        ),
        (
            "num_replicas",
            wanted.num_replicas.to_string(),
            standing.num_replicas.to_string(),
        ),
        (
            "max_age",
            format!("{:?}", wanted.max_age),
            format!("{:?}", standing.max_age),
        ),
        (
            "max_msgs_per_subject",
            wanted.max_messages_per_subject.to_string(),
            standing.max_messages_per_subject.to_string(),
        ),
        (
            "allow_direct",
            wanted.allow_direct.to_string(),
            standing.allow_direct.to_string(),
        ),
        (
            "allow_atomic",
            wanted.allow_atomic_publish.to_string(),
            standing.allow_atomic_publish.to_string(),
        ),
        (
            "allow_msg_counter",
            wanted.allow_message_counter.to_string(),
            standing.allow_message_counter.to_string(),
        ),
    ];
    fields.into_iter().find(|(_, wanted, standing)| wanted != standing)
}
