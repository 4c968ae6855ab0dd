//! What a definition of an agent may hold, so that neither `init` nor the widget ever meets one that makes no sense.

use std::collections::HashSet;

use events::agent::{AgentDefinition, Branding, LeadField, LeadFieldKind, Persona};
use url::Url;

use super::behavior_rules;
use crate::{
    checks::{Checks, PAGE_URL_CHARS_MAX},
    error::ApiError,
    guard::origin::{ANY, Origin},
};

const NAME_CHARS_MAX: usize = 200;
const TONE_CHARS_MAX: usize = 100;
const GREETING_CHARS_MAX: usize = 1_000;
const INSTRUCTIONS_CHARS_MAX: usize = 8_000;
const ORIGINS_MAX: usize = 100;
const PROMPTS_MAX: usize = 20;
const PROMPT_CHARS_MAX: usize = 300;
const THEME_BYTES_MAX: usize = 16 * 1_024;
const LEAD_FIELDS_MAX: usize = 30;
const LEAD_KEY_CHARS_MAX: usize = 64;
const CONSENT_CHARS_MAX: usize = 1_000;
const OPTIONS_MAX: usize = 100;
const PATHS_MAX: usize = 100;
const PATH_CHARS_MAX: usize = 500;

/// What every lead form asks for, or may: a field of the same name would be asked for twice.
const BUILT_IN_KEYS: [&str; 4] = ["name", "email", "phone", "consent"];

/// Checks the whole definition.
///
/// # Errors
/// `validation_failed`, with every field that is not.
pub(super) fn check(agent: &AgentDefinition) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    checks.filled_line("name", &agent.name, NAME_CHARS_MAX);
    check_origins(&mut checks, &agent.allowed_origins);
    check_persona(&mut checks, &agent.persona);
    check_branding(&mut checks, &agent.branding);
    check_lead_fields(&mut checks, &agent.lead_fields);
    if let Some(consent) = agent.lead_form.as_ref().and_then(|form| form.consent.as_ref()) {
        checks.filled_text("lead_form.consent", consent, CONSENT_CHARS_MAX);
    }
    checks.language("language_default", &agent.language_default);
    checks.json("theme", &agent.theme, THEME_BYTES_MAX);
    checks.count("starter_prompts", agent.starter_prompts.len(), PROMPTS_MAX);
    for (index, prompt) in agent.starter_prompts.iter().enumerate() {
        checks.filled_line(&format!("starter_prompts[{index}]"), prompt, PROMPT_CHARS_MAX);
    }
    behavior_rules::check(&mut checks, &agent.behavior_rules);
    checks.count("restricted_paths", agent.restricted_paths.len(), PATHS_MAX);
    for (index, path) in agent.restricted_paths.iter().enumerate() {
        let field = format!("restricted_paths[{index}]");
        checks.line(&field, path, 1..=PATH_CHARS_MAX);
        if !path.starts_with('/') {
            checks.refuse(field, "must begin with /");
        }
    }
    checks.finish()
}

fn check_origins(checks: &mut Checks, origins: &[String]) {
    checks.count("allowed_origins", origins.len(), ORIGINS_MAX);
    for (index, origin) in origins.iter().enumerate() {
        // A host with a wildcard is an address, but no page has it: it would allow nobody.
        if origin != ANY && (origin.contains('*') || Origin::parse(origin).is_none()) {
            checks.refuse(
                format!("allowed_origins[{index}]"),
                "must be * or scheme://host[:port], without wildcard or path",
            );
        }
    }
}

fn check_persona(checks: &mut Checks, persona: &Persona) {
    checks.line("persona.name", &persona.name, 0..=NAME_CHARS_MAX);
    checks.line("persona.tone", &persona.tone, 0..=TONE_CHARS_MAX);
    if let Some(greeting) = &persona.greeting {
        checks.text("persona.greeting", greeting, 0..=GREETING_CHARS_MAX);
    }
    if let Some(instructions) = &persona.instructions {
        checks.text("persona.instructions", instructions, 0..=INSTRUCTIONS_CHARS_MAX);
    }
}

fn check_branding(checks: &mut Checks, branding: &Branding) {
    checks.line("branding.label", &branding.label, 0..=NAME_CHARS_MAX);
    for (field, address) in [
        ("branding.url", &branding.url),
        ("branding.logo_url", &branding.logo_url),
    ] {
        let web = Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !address.is_empty() && (!web || address.chars().count() > PAGE_URL_CHARS_MAX) {
            checks.refuse(field, "must be an http or https address, or empty");
        }
    }
}

fn check_lead_fields(checks: &mut Checks, fields: &[LeadField]) {
    checks.count("lead_fields", fields.len(), LEAD_FIELDS_MAX);
    let mut keys = HashSet::new();
    for (index, field) in fields.iter().enumerate() {
        let at = |name: &str| format!("lead_fields[{index}].{name}");
        let alphabet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=LEAD_KEY_CHARS_MAX).contains(&field.key.len()) || !field.key.bytes().all(alphabet) {
            checks.refuse(at("key"), "must be 1 to 64 lower-case letters, digits or underscores");
        }
        if BUILT_IN_KEYS.contains(&field.key.as_str()) {
            checks.refuse(at("key"), "is a field that every form has");
        }
        if !keys.insert(&field.key) {
            checks.refuse(at("key"), "is used twice");
        }
        checks.line(&at("label"), &field.label, 0..=NAME_CHARS_MAX);
        check_options(checks, &at("options"), field);
    }
}

fn check_options(checks: &mut Checks, at: &str, field: &LeadField) {
    let is_select = field.kind == LeadFieldKind::Select;
    if is_select == field.options.is_empty() {
        checks.refuse(
            at,
            if is_select {
                "must not be empty for a select"
            } else {
                "are only for a select"
            },
        );
    }
    checks.count(at, field.options.len(), OPTIONS_MAX);
    let mut seen = HashSet::new();
    for option in &field.options {
        checks.filled_line(at, option, NAME_CHARS_MAX);
        if !seen.insert(option) {
            checks.refuse(at, "has an entry twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use events::WorkspaceId;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn definitions_by_table() {
        let table = [
            (json!({}), None),
            (
                json!({ "allowed_origins": ["*", "https://shop.example", "http://localhost:3000"] }),
                None,
            ),
            (json!({ "name": "" }), Some("name")),
            (json!({ "name": "  " }), Some("name")),
            (json!({ "starter_prompts": ["How?", " "] }), Some("starter_prompts[1]")),
            (
                json!({ "allowed_origins": ["https://*.shop.example"] }),
                Some("allowed_origins[0]"),
            ),
            (
                json!({ "lead_fields": [{ "key": "company" }, { "key": "phone" }] }),
                Some("lead_fields[1].key"),
            ),
            (
                json!({ "allowed_origins": ["https://shop.example/path"] }),
                Some("allowed_origins[0]"),
            ),
            (
                json!({ "allowed_origins": ["shop.example"] }),
                Some("allowed_origins[0]"),
            ),
            (
                json!({ "allowed_origins": ["https://*.shop.example/"] }),
                Some("allowed_origins[0]"),
            ),
            (json!({ "language_default": "klingonisch" }), Some("language_default")),
            (json!({ "theme": { "primary": "x".repeat(20_000) } }), Some("theme")),
            (
                json!({ "lead_fields": [{ "key": "Company" }] }),
                Some("lead_fields[0].key"),
            ),
            (
                json!({ "lead_fields": [{ "key": "a" }, { "key": "a" }] }),
                Some("lead_fields[1].key"),
            ),
            (
                json!({ "lead_fields": [{ "key": "a", "kind": "select" }] }),
                Some("lead_fields[0].options"),
            ),
            (
                json!({ "lead_fields": [{ "key": "a", "options": ["x"] }] }),
                Some("lead_fields[0].options"),
            ),
            (
                json!({ "branding": { "show": true, "url": "javascript:alert(1)" } }),
                Some("branding.url"),
            ),
            (json!({ "lead_form": { "consent": "" } }), Some("lead_form.consent")),
            (json!({ "restricted_paths": ["checkout"] }), Some("restricted_paths[0]")),
        ];
        for (change, expected) in table {
            let refused = match check(&definition(&change)) {
                Err(ApiError::Invalid { fields }) => fields.into_iter().map(|field| field.field).next(),
                _ => None,
            };
            assert_eq!(refused.as_deref(), expected, "{change}");
        }
    }

    fn definition(change: &Value) -> AgentDefinition {
        let mut whole = json!({ "workspace_id": WorkspaceId::from_bits(1), "name": "Aria" });
        for (key, value) in change.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).expect("a definition")
    }
}
