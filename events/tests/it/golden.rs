//! Stored examples of every event type and version: what was once written can be read for ever.
//!
//! A test fails here when a change of a type breaks what logs hold, and says what to do about it.

use std::{collections::BTreeMap, fmt::Debug, fs, path::PathBuf, str::FromStr};

use events::{
    Category, LogEvent, Subject,
    cloud_event::{self, Attributes},
    schema,
};
use serde_json::Value;

/// What to do when a stored example breaks.
const NEW_VERSION: &str = "Logs hold events like this one for ever. If old readers can skip what you added, give the field \
    `#[serde(default, skip_serializing_if = …)]`. Otherwise it is a new version: keep this file as it is; save what \
    `diagent schema TYPE` prints without your change as events/src/schema/retired/TYPE.v1.json and list it in retired.rs; \
    add the step from the old version to UPCASTERS in events/src/upcast.rs, which raises the version that is written; and \
    add an example of the new version beside this file and to events/src/schema/examples.rs.";

#[test]
fn every_stored_example_still_reads_and_writes_the_same() {
    for (name, text) in examples() {
        let (attributes, event) = decode(&name, &text);
        let stored: Value = serde_json::from_str(&text).expect("JSON");
        let again: Value = serde_json::from_slice(&encode(&subject(&stored), &attributes, &event)).expect("JSON");
        if stored["dataschema"] == current_schema(&stored["type"]) {
            assert_eq!(again, stored, "{name} is written differently now. {NEW_VERSION}");
        }
    }
}

#[test]
fn every_type_and_version_has_an_example_that_fits_its_schema() {
    let (examples, schemas) = (examples(), schema::all());
    for name in examples.keys() {
        let (kind, version) = name
            .strip_suffix(".json")
            .and_then(|name| name.rsplit_once(".v"))
            .expect("a name");
        let key = (kind.to_owned(), version.parse().expect("a version"));
        assert!(
            schemas.contains_key(&key),
            "{name} has no schema any more. {NEW_VERSION}"
        );
    }
    for ((kind, version), schema) in schemas {
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
        assert!(
            problems.is_empty(),
            "{name} does not fit its schema: {problems:?}. {NEW_VERSION}"
        );
    }
}

fn current_schema(kind: &Value) -> String {
    let kind = kind.as_str().expect("a type");
    let versions = schema::all().into_keys().filter(|(known, _)| known == kind);
    let newest = versions.map(|(_, version)| version).max();
    format!("urn:diagent:schema:{kind}:{}", newest.expect("a known type"))
}

/// Where `stored` stood in the log, by its attributes.
pub(crate) fn subject(stored: &Value) -> Subject {
    fn id<I: FromStr<Err: Debug>>(text: &Value) -> I {
        text.as_str().expect("an id").parse().expect("an id")
    }
    let (about, entity) = stored["subject"]
        .as_str()
        .and_then(|text| text.split_once('/'))
        .expect("a subject");
    let entity = Value::from(entity);
    let (agent, visitor) = (&stored["agentid"], &stored["visitorid"]);
    match about {
        "visitor" if stored["type"] == "diagent.telemetry.recorded" => Subject::Telemetry {
            agent_id: id(agent),
            visitor_id: id(visitor),
        },
        "visitor" => Subject::Visitor {
            agent_id: id(agent),
            visitor_id: id(visitor),
        },
        "conversation" => Subject::Conversation {
            agent_id: id(agent),
            visitor_id: id(visitor),
            conversation_id: id(&entity),
        },
        "lead" => Subject::Lead {
            agent_id: id(agent),
            visitor_id: id(visitor),
            lead_id: id(&entity),
        },
        "workspace" => Subject::Workspace {
            workspace_id: id(&entity),
        },
        "agent" => Subject::Agent { agent_id: id(agent) },
        "document" => Subject::Document {
            agent_id: id(agent),
            document_id: id(&entity),
        },
        other => panic!("nothing is about {other}"),
    }
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
        .unwrap_or_else(|error| panic!("{name} cannot be read any more: {error:?}. {NEW_VERSION}"))
}

pub(crate) fn encode(subject: &Subject, attributes: &Attributes, event: &LogEvent) -> Vec<u8> {
    match event {
        LogEvent::Visitor(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Conversation(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Lead(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Telemetry(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Workspace(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Agent(event) => cloud_event::encode(subject, attributes, event),
        LogEvent::Document(event) => cloud_event::encode(subject, attributes, event),
    }
    .expect("JSON")
}

pub(crate) fn examples() -> BTreeMap<String, String> {
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
