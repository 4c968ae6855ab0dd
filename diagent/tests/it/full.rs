//! A log without room: what is refused did not happen, and what was acknowledged stays.

use events::Partition;
use serde_json::json;

use crate::support::Stack;

/// Lets each partition hold so many bytes; -1 for as many as the disk has.
async fn limit(stack: &Stack, bytes: i64) {
    let log = stack.log().await;
    for partition in (0..4).map(Partition::Events) {
        let stream = log.stream(partition).await.expect("a stream");
        let mut config = stream.get_info().await.expect("a stream").config;
        config.max_bytes = bytes;
        log.jetstream().update_stream(config).await.expect("a stream");
    }
}

#[tokio::test]
async fn a_full_log_refuses_what_it_cannot_keep_and_goes_on_when_there_is_room() {
    let stack = Stack::own().await;
    let agent = stack.taught_agent().await;
    let visitor = agent.visitor().await;
    let before = visitor.ask("Can I return a lantern?").await;

    limit(&stack, 1).await;

    for (path, body) in [
        ("/messages", json!({ "message": "During?" })),
        ("/messages/stream", json!({ "message": "During?" })),
        ("/events", json!({ "event": "cta.click" })),
        ("/events", json!([{ "event": "cta.click" }, { "event": "cta.click" }])),
        ("/leads", json!({ "email": "a@b.example" })),
    ] {
        let refused = visitor.post(path, &body).await;
        refused.refusal(503, "log_unavailable");
        assert!(refused.retry_after() >= 1);
    }
    agent.init(&agent.init_body()).await.refusal(503, "log_unavailable");
    let again = visitor.resume(&before.message_id, None).await.to_end().await;
    assert_eq!(again.lines, before.lines, "what is there can be read");

    limit(&stack, -1).await;

    visitor.can_write().await;
    assert_eq!(visitor.ask("Can I return a lantern?").await.text(), before.text());
    let posted = agent.logged("diagent.message.posted").await;
    assert_eq!(posted.len(), 2, "what was refused did not happen");
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 2);
    assert!(agent.logged("diagent.lead.captured").await.is_empty());
}
