//! Every event that a test reads fits the schema that it names.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use serde_json::Value;

static SCHEMAS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let schemas = events::schema::all().into_values();
    schemas
        .map(|schema| {
            let name = schema["$id"].as_str().expect("a name").to_owned();
            (name, jsonschema::validator_for(&schema).expect("a schema"))
        })
        .collect()
});

/// The events in the lines of a replay.
pub(crate) fn events(lines: &str) -> Vec<Value> {
    lines.lines().map(event).collect()
}

fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).expect("a CloudEvent");
    let name = event["dataschema"].as_str().expect("it names its schema");
    let schema = SCHEMAS.get(name).unwrap_or_else(|| unreachable!("no schema {name}"));
    let problems: Vec<String> = schema
        .iter_errors(&event["data"])
        .map(|problem| problem.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}: {event}");
    event
}
