//! The schemas of versions that nobody writes any more and logs still hold.

use std::collections::BTreeMap;

use serde_json::Value;

use super::key;

/// Each as `diagent schema TYPE` printed it before its type went on to the next version.
pub(super) const SCHEMAS: &[&str] = &[include_str!("retired/diagent.agent.defined.v1.json")];

/// Adds them all.
pub(super) fn add(schemas: &mut BTreeMap<(String, u32), Value>) {
    let parsed = SCHEMAS
        .iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok());
    for schema in parsed {
        if let Some(key) = schema["$id"].as_str().and_then(key) {
            schemas.insert(key, schema);
        }
    }
}
