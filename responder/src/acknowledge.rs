//! Telling the server what is over: together, once in a while. Whenever something is acknowledged the server writes the
//! consumer's state to disk, up to ten times a second, and syncs it beside the events that visitors wait for.

use std::time::Duration;

use async_nats::jetstream::Message;
use edge::Tasks;
use events::Log;
use tokio::sync::mpsc;

/// Far less than the time after which a message goes to another instance.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes messages of one partition that need no more work. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Acknowledger(mpsc::UnboundedSender<Message>);

impl Acknowledger {
    /// Acknowledges until every clone is gone. Bounded by what the consumer may have under way.
    pub(crate) fn start(log: &Log, tasks: &Tasks) -> Self {
        let (sender, over) = mpsc::unbounded_channel();
        let (log, drain) = (log.clone(), tasks.drain_token());
        tasks.spawn(async move {
            acknowledge_all(over, drain).await;
            if let Err(error) = log.client().flush().await {
                // The process ends when its tasks have: what is not sent by then is delivered again, and found to be over.
                tracing::warn!(%error, "the last acknowledgements could not be sent");
            }
        });
        Self(sender)
    }

    /// Acknowledges `message` soon.
    pub(crate) fn acknowledge(&self, message: Message) {
        if self.0.send(message).is_err() {
            tracing::warn!("nobody acknowledges messages any more");
        }
    }
}

async fn acknowledge_all(mut over: mpsc::UnboundedReceiver<Message>, drain: tokio_util::sync::CancellationToken) {
    while let Some(message) = over.recv().await {
        // While draining nobody should wait for it.
        drop(tokio::time::timeout(PAUSE, drain.cancelled()).await);
        let mut next = Some(message);
        while let Some(message) = next {
            if let Err(error) = message.ack().await {
                tracing::warn!(%error, "what is over could not be acknowledged: it will be delivered again, and found to be over");
            }
            next = over.try_recv().ok();
        }
    }
}
