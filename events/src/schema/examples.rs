//! An example in each schema: the stored one that the tests hold it against.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::key;

/// Whole events, each in its version.
const EVENTS: [&str; 22] = [
    include_str!("../../tests/golden/diagent.agent.defined.v1.json"),
    include_str!("../../tests/golden/diagent.agent.defined.v2.json"),
    include_str!("../../tests/golden/diagent.conversation.claimed.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.cleared.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.closed.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.human_requested.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.rated.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.released.v1.json"),
    include_str!("../../tests/golden/diagent.conversation.started.v1.json"),
    include_str!("../../tests/golden/diagent.document.put.v1.json"),
    include_str!("../../tests/golden/diagent.document.removed.v1.json"),
    include_str!("../../tests/golden/diagent.lead.captured.v1.json"),
    include_str!("../../tests/golden/diagent.message.answered.v1.json"),
    include_str!("../../tests/golden/diagent.message.failed.v1.json"),
    include_str!("../../tests/golden/diagent.message.posted.v1.json"),
    include_str!("../../tests/golden/diagent.message.rated.v1.json"),
    include_str!("../../tests/golden/diagent.message.replied.v1.json"),
    include_str!("../../tests/golden/diagent.message.stop_requested.v1.json"),
    include_str!("../../tests/golden/diagent.telemetry.recorded.v1.json"),
    include_str!("../../tests/golden/diagent.visitor.arrived.v1.json"),
    include_str!("../../tests/golden/diagent.visitor.erased.v1.json"),
    include_str!("../../tests/golden/diagent.workspace.defined.v1.json"),
];

/// Adds the data of each example to the schema that the event names.
pub(super) fn add(schemas: &mut BTreeMap<(String, u32), Value>) {
    let parsed = EVENTS
        .iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok());
    for mut event in parsed {
        let key = event["dataschema"].as_str().and_then(key);
        if let Some(schema) = key.and_then(|key| schemas.get_mut(&key)) {
            schema["examples"] = json!([event["data"].take()]);
        }
    }
}
