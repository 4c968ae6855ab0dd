//! The typed columns of one event type, from its JSON Schema: attributes first, then each field of the data.

use events::{schema, upcast};
use serde_json::{Map, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Time,
    Integer,
    Number,
    Flag,
    /// A list or an object, as text.
    Json,
}

/// A column and where its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// The attributes that every file has. The type is said by the folder.
const ATTRIBUTES: [(&str, Kind); 13] = [
    ("position", Kind::Text),
    ("id", Kind::Text),
    ("time", Kind::Time),
    ("source", Kind::Text),
    ("subject", Kind::Text),
    ("dataschema", Kind::Text),
    ("workspaceid", Kind::Text),
    ("agentid", Kind::Text),
    ("visitorid", Kind::Text),
    ("conversationid", Kind::Text),
    ("correlationid", Kind::Text),
    ("causationid", Kind::Text),
    ("traceparent", Kind::Text),
];

/// What a newer binary wrote and this one does not know: never lost, never a column.
const OTHER: &str = "other";

/// The columns of `kind` in its newest version.
pub(super) fn of(kind: &str) -> Vec<Column> {
    let attributes = ATTRIBUTES.map(|(name, kind)| Column {
        name: name.to_owned(),
        kind,
    });
    let schema = schema::all().into_iter().rfind(|((known, _), _)| known == kind);
    let schema = schema.map(|(_, schema)| schema).unwrap_or_default();
    let fields = schema["properties"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, field)| Column {
        name: name.clone(),
        kind: kind_of(field, &schema),
    });
    let other = Column {
        name: OTHER.to_owned(),
        kind: Kind::Json,
    };
    attributes.into_iter().chain(fields).chain([other]).collect()
}

fn kind_of(schema: &Value, root: &Value) -> Kind {
    if let Some(definition) = schema["$ref"]
        .as_str()
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
    {
        return kind_of(definition, root);
    }
    let choices = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(choice) = choices.into_iter().flatten().find(|choice| choice["type"] != "null") {
        return kind_of(choice, root);
    }
    let types = schema["type"]
        .as_array()
        .map_or(std::slice::from_ref(&schema["type"]), Vec::as_slice);
    match types.iter().filter_map(Value::as_str).find(|name| *name != "null") {
        Some("string") if schema["format"] == "date-time" => Kind::Time,
        Some("string") => Kind::Text,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Flag,
        _ => Kind::Json,
    }
}

/// One event in its newest version: its type, and the value of each column by name.
pub(super) fn row(line: &[u8]) -> anyhow::Result<(String, Map<String, Value>)> {
    let mut event: Value = serde_json::from_slice(line)?;
    let kind = event["type"].as_str().unwrap_or_default().to_owned();
    let version = event["dataschema"]
        .as_str()
        .and_then(|schema| schema.rsplit(':').next()?.parse().ok());
    if let Some(version) = version {
        event = upcast::to_current(upcast::UPCASTERS, &kind, version, event).tree;
    }
    let data = event["data"].take();
    let mut row = Map::new();
    if let (Value::Object(attributes), Value::Object(fields)) = (event, data) {
        row.extend(fields);
        let known = attributes
            .into_iter()
            .filter(|(name, _)| ATTRIBUTES.iter().any(|(known, _)| known == name));
        row.extend(known);
    }
    Ok((kind, row))
}

/// Takes what no column of `columns` held out of `row`, into the column for that.
pub(super) fn rest(row: Map<String, Value>) -> Option<Value> {
    (!row.is_empty()).then_some(Value::Object(row))
}

impl Column {
    /// Whether it is the one for what no other column holds.
    pub(super) fn is_rest(&self) -> bool {
        self.name == OTHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_types_of_the_schema() {
        let columns = of("diagent.message.answered");
        let kind = |name: &str| {
            columns
                .iter()
                .find(|column| column.name == name)
                .map(|column| column.kind)
        };
        assert_eq!(kind("content"), Some(Kind::Text));
        assert_eq!(kind("message_id"), Some(Kind::Text));
        assert_eq!(kind("finish_reason"), Some(Kind::Text));
        assert_eq!(kind("low_confidence"), Some(Kind::Flag));
        assert_eq!(kind("first_token_ms"), Some(Kind::Integer));
        assert_eq!(kind("at"), Some(Kind::Time));
        assert_eq!(kind("citations"), Some(Kind::Json));
    }

    #[test]
    fn no_field_hides_an_attribute() {
        for ((kind, _), _) in schema::all() {
            let columns = of(&kind);
            for (index, column) in columns.iter().enumerate() {
                let earlier = columns[..index].iter().map(|earlier| earlier.name.as_str());
                assert!(
                    earlier.chain(["day", "type"]).all(|taken| taken != column.name),
                    "{kind} has two columns {}",
                    column.name
                );
            }
        }
    }

    #[test]
    fn a_name_has_one_type_in_all_files_so_that_they_are_one_table() {
        let mut kinds = std::collections::BTreeMap::new();
        for ((kind, _), _) in schema::all() {
            for column in of(&kind) {
                let other = *kinds.entry(column.name.clone()).or_insert(column.kind);
                assert_eq!(column.kind, other, "{} of {kind}", column.name);
            }
        }
    }
}
