//! What a server stores of a visitor long after their erasure.

use events::{Subject, cloud_event::Meta, telemetry::TelemetryEvent};
use serde_json::Value;

use crate::support::{Stack, until};

#[tokio::test]
async fn what_is_stored_long_after_an_erasure_goes_as_well() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.erase().await.data(202);
    // As a server of a cluster does that was paused, with what it had been given before.
    let log = stack.log().await;
    let conversation_id = visitor.conversation_id.parse().expect("an id");
    let subject = Subject::Telemetry {
        agent_id: agent.id.parse().expect("an id"),
        visitor_id: visitor.visitor_id.parse().expect("an id"),
    };
    let event = TelemetryEvent::Recorded {
        event: "cta.click".to_owned(),
        rule_id: None,
        conversation_id,
        page_url: None,
        metadata: None,
        at: log.clock().now(),
    };
    let meta = Meta {
        workspace_id: Some(agent.workspace_id.parse().expect("an id")),
        conversation_id: Some(conversation_id),
        ..Meta::default()
    };
    log.append(&subject, &[event], &meta).await.expect("stored");

    until("what came late is gone", async || {
        let late = log.events_of(&subject).await.expect("the log");
        if late.is_empty() {
            Ok(())
        } else {
            Err(format!("{late:?}"))
        }
    })
    .await;
    until("of all that the team sees only a tombstone is left", async || {
        let log = agent.log().await;
        let of_visitor = log
            .iter()
            .filter(|event| event["visitorid"] == visitor.visitor_id.as_str());
        let left: Vec<&Value> = of_visitor.map(|event| &event["type"]).collect();
        if left == ["diagent.visitor.erased"] {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}
