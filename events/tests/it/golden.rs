//! Stored examples of every event type and version: what was once written can be read for ever.
//!
//! A test fails here when a change of a type breaks what the log holds. Then the change is a new version: raise the type's
//! `event_version`, add an upcaster in `upcast.rs`, keep the old file and add one for the new version.

use std::{collections::BTreeMap, fs, path::PathBuf};

use events::{
    Category, LogEvent,
    cloud_event::{self, Attributes},
    schema,
};
use serde_json::Value;

#[test]
fn every_stored_example_still_reads_and_writes_the_same() {
    for (name, text) in examples() {
        let (attributes, event) = decode(&name, &text);
        let again: Value = serde_json::from_slice(&encode(&attributes, &event)).expect("JSON");
        let stored: Value = serde_json::from_str(&text).expect("JSON");
        if stored["dataschema"] == current_schema(&attributes) {
            assert_eq!(
                again, stored,
                "{name} is written differently now: this is a new version, see the top of golden.rs"
            );
        }
    }
}

#[test]
fn every_type_has_an_example_that_fits_its_schema() {
    let examples = examples();
    for ((kind, version), schema) in schema::all() {
        let name = format!("{kind}.v{version}.json");
        let text = examples
            .get(&name)
            .unwrap_or_else(|| panic!("add events/tests/golden/{name}"));
        let example: Value = serde_json::from_str(text).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        let problems: Vec<String> = validator
            .iter_errors(&example["data"])
            .map(|problem| problem.to_string())
            .collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
    }
}

fn current_schema(attributes: &Attributes) -> String {
    let newest = schema::all()
        .into_keys()
        .filter(|(kind, _)| *kind == attributes.kind)
        .map(|(_, version)| version)
        .max();
    format!(
        "urn:diagent:schema:{}:{}",
        attributes.kind,
        newest.expect("a known type")
    )
}

fn decode(name: &str, text: &str) -> (Attributes, LogEvent) {
    let category = match name.split('.').nth(1).expect("diagent.<entity>.<fact>") {
        "visitor" => Category::Visitor,
        "conversation" if name.contains("started") => Category::Visitor,
        "conversation" | "message" => Category::Conversation,
        "lead" => Category::Lead,
        "telemetry" => Category::Telemetry,
        "workspace" => Category::Workspace,
        "agent" => Category::Agent,
        _ => Category::Document,
    };
    LogEvent::decode(category, text.as_bytes())
        .unwrap_or_else(|error| panic!("{name} cannot be read any more: {error}"))
}

fn encode(attributes: &Attributes, event: &LogEvent) -> Vec<u8> {
    match event {
        LogEvent::Visitor(event) => cloud_event::encode(attributes, event),
        LogEvent::Conversation(event) => cloud_event::encode(attributes, event),
        LogEvent::Lead(event) => cloud_event::encode(attributes, event),
        LogEvent::Telemetry(event) => cloud_event::encode(attributes, event),
        LogEvent::Workspace(event) => cloud_event::encode(attributes, event),
        LogEvent::Agent(event) => cloud_event::encode(attributes, event),
        LogEvent::Document(event) => cloud_event::encode(attributes, event),
    }
    .expect("JSON")
}

fn examples() -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(&folder).expect("the folder of examples");
    files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("text"))
        })
        .collect()
}
