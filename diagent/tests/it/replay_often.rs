//! A reader who asks for the log again and again.

use std::time::Duration;

use crate::support::{Stack, send, until};

/// NATS ends a consumer that nobody asks anything by itself, after half a minute.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_replay_leaves_no_consumer_behind() {
    let stack = Stack::started_with(&[]).await;
    let agent = stack.agent().await;
    let jetstream = stack.log().await.jetstream().clone();
    let consumers = async || {
        let stream = jetstream.get_stream("EVENTS-0").await.expect("a partition");
        stream.cached_info().state.consumer_count
    };
    let before = consumers().await;

    for _ in 0..20 {
        send(agent.team.query("/api/v1/events")).await.expect(200);
    }

    let gone = until("the consumers go", async || match consumers().await {
        left if left <= before => Ok(()),
        left => Err(format!("{left}, and {before} before")),
    });
    tokio::time::timeout(SOON, gone).await.expect("they are deleted");
}
