//! JSON Schema of every event type, generated from the types that read and write them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    agent::AgentEvent, conversation::ConversationEvent, document::DocumentEvent, lead::LeadEvent,
    telemetry::TelemetryEvent, visitor::VisitorEvent, workspace::WorkspaceEvent,
};

/// The schema of each type's `data`, by (type, version). The key is what `dataschema` names.
pub fn all() -> BTreeMap<(String, u32), Value> {
    let mut schemas = BTreeMap::new();
    collect::<VisitorEvent>(&mut schemas);
    collect::<ConversationEvent>(&mut schemas);
    collect::<LeadEvent>(&mut schemas);
    collect::<TelemetryEvent>(&mut schemas);
    collect::<WorkspaceEvent>(&mut schemas);
    collect::<AgentEvent>(&mut schemas);
    collect::<DocumentEvent>(&mut schemas);
    schemas
}

/// An event enum's schema is one branch per variant, each with a constant `type` and a `data`.
fn collect<E: JsonSchema>(schemas: &mut BTreeMap<(String, u32), Value>) {
    let root = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<E>()
        .to_value();
    let definitions = root.get("$defs").cloned();
    for variant in root["oneOf"].as_array().into_iter().flatten() {
        let Some(kind) = variant["properties"]["type"]["const"].as_str() else {
            continue;
        };
        let mut data = variant["properties"]["data"].clone();
        data["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        data["$id"] = json!(format!("urn:diagent:schema:{kind}:1"));
        data["title"] = json!(kind);
        if let Some(description) = variant.get("description") {
            data["description"] = description.clone();
        }
        if let Some(definitions) = &definitions {
            data["$defs"] = definitions.clone();
        }
        schemas.insert((kind.to_owned(), 1), data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_described_schema() {
        let schemas = all();
        assert_eq!(schemas.len(), 21);
        for ((kind, _), schema) in schemas {
            assert!(
                schema["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{kind} has no description"
            );
            assert_eq!(schema["type"], "object", "{kind}");
        }
    }
}
