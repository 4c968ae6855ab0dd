//! What was fetched from a consumer, message by message.

use std::time::Duration;

use async_nats::jetstream::{Message, consumer::pull::Batch};
use futures::StreamExt as _;

/// The server answers a fetch with what there is, or says that there is nothing.
const SILENCE_MAX: Duration = Duration::from_secs(8);

/// The next message of a fetch; none at its end. A fetch that was lost with its connection has no end of its own, and
/// `async-nats` waits for it for ever.
///
/// # Errors
/// The fetch was refused, or the server gave no sign for eight seconds.
pub async fn next_fetched(batch: &mut Batch) -> Result<Option<Message>, async_nats::Error> {
    match tokio::time::timeout(SILENCE_MAX, batch.next()).await {
        Ok(message) => message.transpose(),
        Err(_) => Err("the server gives no sign".into()),
    }
}
