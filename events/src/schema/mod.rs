//! JSON Schema of every event type, generated from the types that read and write them.

mod agent_file;
mod examples;
mod retired;

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

pub use self::agent_file::agent_file;
use crate::{
    agent::AgentEvent, conversation::ConversationEvent, document::DocumentEvent, lead::LeadEvent,
    telemetry::TelemetryEvent, upcast, visitor::VisitorEvent, workspace::WorkspaceEvent,
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
    retired::add(&mut schemas);
    examples::add(&mut schemas);
    schemas
}

/// The type and version that `dataschema` of an event names.
fn key(dataschema: &str) -> Option<(String, u32)> {
    let (kind, version) = dataschema.strip_prefix("urn:diagent:schema:")?.rsplit_once(':')?;
    Some((kind.to_owned(), version.parse().ok()?))
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
        let version = upcast::current_version(kind);
        data["$id"] = json!(format!("urn:diagent:schema:{kind}:{version}"));
        data["title"] = json!(kind);
        if let Some(description) = variant.get("description") {
            data["description"] = description.clone();
        }
        let mut used = Map::new();
        take_used(&data, definitions.as_ref().unwrap_or(&Value::Null), &mut used);
        if !used.is_empty() {
            data["$defs"] = used.into();
        }
        schemas.insert((kind.to_owned(), version), data);
    }
}

/// Copies those of `definitions` that `schema` refers to, and those that they refer to.
fn take_used(schema: &Value, definitions: &Value, used: &mut Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|reference| reference.strip_prefix("#/$defs/"));
            if let Some((name, definition)) = name.and_then(|name| Some((name, definitions.get(name)?)))
                && used.insert(name.to_owned(), definition.clone()).is_none()
            {
                take_used(definition, definitions, used);
            }
            fields.values().for_each(|value| take_used(value, definitions, used));
        }
        Value::Array(items) => items.iter().for_each(|item| take_used(item, definitions, used)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_described_schema() {
        let schemas = all();
        assert_eq!(schemas.len(), 21 + retired::SCHEMAS.len());
        for ((kind, _), schema) in schemas {
            assert!(
                schema["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{kind} has no description"
            );
            assert_eq!(schema["type"], "object", "{kind}");
            for (field, property) in schema["properties"].as_object().expect("properties") {
                assert!(is_described(property, &schema), "{kind} does not say what {field} is");
            }
        }
    }

    #[test]
    fn every_type_and_version_has_an_example() {
        for ((kind, version), schema) in all() {
            assert!(
                schema["examples"][0].is_object(),
                "add the golden file of {kind} {version} to events/src/schema/examples.rs"
            );
        }
    }

    /// Whether the property says what it is, or its type does.
    fn is_described(property: &Value, root: &Value) -> bool {
        let reference = property["$ref"]
            .as_str()
            .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        property["description"].is_string()
            || reference.is_some_and(|definition| is_described(definition, root))
            || property["anyOf"]
                .as_array()
                .is_some_and(|choices| choices.iter().any(|choice| is_described(choice, root)))
    }
}
