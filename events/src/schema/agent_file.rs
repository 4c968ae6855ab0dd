//! JSON Schema of an agent's file, for editors that complete and check it while it is written.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::agent::AgentDefinition;

/// What the API takes at most (`command-api/src/admin/agent_rules.rs` and beside it), by the field's place in the schema. It
/// is said of the file alone: events hold what was fine when they were stored.
const LIMITS: [(&str, &str, i64); 28] = [
    ("/properties/name", "minLength", 1),
    ("/properties/name", "maxLength", 200),
    ("/properties/allowed_origins", "maxItems", 100),
    ("/properties/starter_prompts", "maxItems", 20),
    ("/properties/behavior_rules", "maxItems", 20),
    ("/properties/lead_fields", "maxItems", 30),
    ("/properties/restricted_paths", "maxItems", 100),
    ("/$defs/Persona/properties/name", "maxLength", 200),
    ("/$defs/Persona/properties/tone", "maxLength", 100),
    ("/$defs/Persona/properties/greeting", "maxLength", 1_000),
    ("/$defs/Persona/properties/instructions", "maxLength", 8_000),
    ("/$defs/LeadFormSettings/properties/consent", "minLength", 1),
    ("/$defs/LeadFormSettings/properties/consent", "maxLength", 1_000),
    ("/$defs/LeadField/properties/key", "maxLength", 64),
    ("/$defs/LeadField/properties/label", "maxLength", 200),
    ("/$defs/LeadField/properties/options", "maxItems", 100),
    ("/$defs/BehaviorRule/properties/id", "minLength", 1),
    ("/$defs/BehaviorRule/properties/id", "maxLength", 64),
    ("/$defs/BehaviorRule/properties/priority", "minimum", -1_000),
    ("/$defs/BehaviorRule/properties/priority", "maximum", 1_000),
    ("/$defs/RuleConditions/properties/intent_keywords", "maxItems", 50),
    ("/$defs/RuleConditions/properties/url_patterns", "maxItems", 50),
    ("/$defs/RuleConditions/properties/scroll_percent", "minimum", 1),
    ("/$defs/RuleConditions/properties/scroll_percent", "maximum", 100),
    ("/$defs/RuleConditions/properties/idle_seconds", "minimum", 1),
    ("/$defs/RuleConditions/properties/idle_seconds", "maximum", 3_600),
    ("/$defs/RuleConditions/properties/message_count", "minimum", 1),
    ("/$defs/RuleConditions/properties/message_count", "maximum", 15),
];

/// The schema of the file that `diagent agent apply` takes: a definition, and the agent's id.
pub fn agent_file() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<AgentDefinition>().to_value();
    schema["title"] = json!("Agent");
    schema["properties"]["id"] =
        json!({ "description": "The agent, a ULID.", "type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$" });
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(json!("id"));
    }
    for (place, keyword, value) in LIMITS {
        if let Some(field) = schema.pointer_mut(place) {
            field[keyword] = json!(value);
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_stands_at_its_field() {
        let schema = agent_file();
        for (place, keyword, value) in LIMITS {
            let field = schema.pointer(place).unwrap_or(&Value::Null);
            assert_eq!(field[keyword], value, "{place} {keyword}");
        }
    }
}
