//! From the log to whoever listens: each partition is read once per instance, in order, and what nobody listens to is not
//! even parsed.
//!
//! When the log is away the feed goes on where it was, so a listener that stays connected misses nothing. The ordered
//! consumer of async-nats would not do: before its first message it forgets where it was to begin, and tells all of history.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use events::{Log, Partition, Recorded, Subject, log::Revocations};
use futures::StreamExt as _;

use super::{channels::Channels, news::News};

const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// One question to the server is open this long; while it is, an event arrives without being asked for.
const EXPIRES: Duration = Duration::from_secs(30);
/// When two signs are missing, the server has forgotten the consumer.
const HEARTBEAT: Duration = Duration::from_secs(2);
const MESSAGES_MAX: usize = 500;

/// One partition, from `next` on.
pub(super) struct Feed {
    pub(super) log: Log,
    pub(super) partition: Partition,
    pub(super) channels: Arc<Channels>,
    pub(super) next: u64,
}

impl Feed {
    /// Reads on for ever.
    pub(super) async fn follow(mut self) {
        loop {
            if let Err(error) = self.read().await {
                tracing::warn!(partition = %self.partition, %error, "live events wait for the log");
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<(), async_nats::Error> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.next,
            },
            filter_subject: format!("evt.{}.conversation.>", self.partition),
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: EXPIRES,
            ..pull::Config::default()
        };
        let consumer: PullConsumer = self.log.stream(self.partition).await?.create_consumer(config).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(MESSAGES_MAX)
            .expires(EXPIRES)
            .heartbeat(HEARTBEAT);
        let mut messages = messages.messages().await?;
        let mut delivered = 0;
        while let Some(message) = messages.next().await {
            let message = message?;
            let info = message.info()?;
            delivered += 1;
            if info.consumer_sequence != delivered {
                return Err("a message was lost on its way".into());
            }
            self.next = info.stream_sequence + 1;
            self.tell(&message);
        }
        Ok(())
    }

    fn tell(&self, message: &Message) {
        let Ok(Subject::Conversation { conversation_id, .. }) = message.subject.parse() else {
            return;
        };
        self.channels
            .tell(conversation_id, || match Recorded::from_message(message) {
                Ok(recorded) => News::of(conversation_id, &recorded),
                Err(error) => {
                    // Of a newer binary: it is shown when it is read.
                    tracing::warn!(error = &error as &dyn std::error::Error, "an event cannot be told");
                    None
                }
            });
    }
}

/// Tells who types. It is said once and stored nowhere: what is lost is lost.
pub(super) async fn typing(log: Log, channels: Arc<Channels>) {
    loop {
        match log.client().subscribe("typing.*").await {
            Ok(mut said) => {
                while let Some(message) = said.next().await {
                    let conversation_id = message.subject.strip_prefix("typing.").map(str::parse);
                    if let Some(Ok(conversation_id)) = conversation_id {
                        channels.tell(conversation_id, || News::typing(conversation_id, &message.payload));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "nobody hears for a moment who types"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Ends the listeners of visitors who are erased.
pub(super) async fn erasures(revocations: Revocations, channels: Arc<Channels>) {
    let mut changes = revocations.changes();
    while changes.changed().await.is_ok() {
        for conversation_id in revocations.conversations() {
            channels.erase(conversation_id);
        }
    }
}
