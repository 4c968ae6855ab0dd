//! A submitted lead form, checked against what the agent asks for.

use std::collections::BTreeMap;

use events::{
    Personal,
    agent::{AgentDefinition, LeadField, LeadFieldKind},
    lead::fold_email,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    checks::{Checks, none_if_blank},
    error::ApiError,
};

const NAME_CHARS_MAX: usize = 200;
const EMAIL_CHARS_MAX: usize = 254;
const LOCAL_PART_CHARS_MAX: usize = 64;
const PHONE_DIGITS_MIN: usize = 5;
const PHONE_DIGITS_MAX: usize = 15;
const PHONE_CHARS_MAX: usize = 40;
const TEXT_CHARS_MAX: usize = 2_000;

/// The form as a client sends it.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LeadRequest {
    email: String,
    name: Option<String>,
    phone: Option<String>,
    /// The agent's own fields, by key.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
    /// The visitor agrees to what the agent's form says; needed where it says something.
    consent: Option<bool>,
}

/// The form as it is stored.
#[derive(Debug)]
pub(super) struct LeadForm {
    /// Folded, as leads are compared by it.
    pub(super) email: Personal<String>,
    pub(super) name: Option<Personal<String>>,
    pub(super) phone: Option<Personal<String>>,
    pub(super) fields: BTreeMap<String, Personal<Value>>,
    /// What the visitor agreed to.
    pub(super) consent: Option<String>,
}

impl LeadRequest {
    /// The form, when everything in it is fine.
    ///
    /// # Errors
    /// `validation_failed`, with every field that is not.
    pub(super) fn checked(self, agent: &AgentDefinition) -> Result<LeadForm, ApiError> {
        let mut checks = Checks::default();
        let email = fold_email(&self.email);
        if !is_email(&email) {
            checks.refuse("email", "must be an e-mail address");
        }
        let name = none_if_blank(self.name);
        if let Some(name) = &name {
            checks.line("name", name, 1..=NAME_CHARS_MAX);
        }
        let phone = none_if_blank(self.phone);
        if phone.as_deref().is_some_and(|phone| !is_phone(phone)) {
            checks.refuse("phone", "must be a telephone number");
        }
        let fields = checked_fields(&mut checks, &agent.lead_fields, self.fields.unwrap_or_default());
        let consent = agent.lead_form.as_ref().and_then(|form| form.consent.clone());
        if consent.is_some() && self.consent != Some(true) {
            checks.refuse("consent", "must be ticked");
        }
        checks.finish()?;
        Ok(LeadForm {
            email: email.into(),
            name: name.map(Into::into),
            phone: phone.map(Into::into),
            fields,
            consent,
        })
    }
}

fn checked_fields(
    checks: &mut Checks,
    asked: &[LeadField],
    mut sent: Map<String, Value>,
) -> BTreeMap<String, Personal<Value>> {
    let mut fields = BTreeMap::new();
    for field in asked {
        let name = format!("fields.{}", field.key);
        match sent.remove(&field.key).filter(|value| !is_blank(value)) {
            None if field.required => checks.refuse(name, "must not be empty"),
            None => {}
            Some(value) => match fitting(field, value) {
                Ok(value) => drop(fields.insert(field.key.clone(), Personal::new(value))),
                Err(message) => checks.refuse(name, message),
            },
        }
    }
    for unknown in sent.keys() {
        // The key is a stranger's text: it is cut before it is said back.
        let key: String = unknown.chars().take(64).collect();
        checks.refuse(format!("fields.{key}"), "is not a field of this agent's form");
    }
    fields
}

fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The value in the form that is stored, or what is wrong with it. Forms send numbers as text.
fn fitting(field: &LeadField, value: Value) -> Result<Value, String> {
    match (field.kind, value) {
        (LeadFieldKind::Text, Value::String(text)) if text.contains('\0') => {
            Err("must not contain a NUL character".to_owned())
        }
        (LeadFieldKind::Text, Value::String(text)) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(format!("must not be longer than {TEXT_CHARS_MAX} characters"))
        }
        (LeadFieldKind::Text, value @ Value::String(_)) | (LeadFieldKind::Number, value @ Value::Number(_)) => {
            Ok(value)
        }
        (LeadFieldKind::Number, Value::String(text)) => serde_json::from_str(text.trim())
            .ok()
            .filter(Value::is_number)
            .ok_or_else(|| "must be a number".to_owned()),
        (LeadFieldKind::Checkbox, Value::Bool(false)) if field.required => Err("must be ticked".to_owned()),
        (LeadFieldKind::Checkbox, value @ Value::Bool(_)) => Ok(value),
        (LeadFieldKind::Select, Value::String(text)) if field.options.contains(&text) => Ok(Value::String(text)),
        (LeadFieldKind::Text, _) => Err("must be a text".to_owned()),
        (LeadFieldKind::Number, _) => Err("must be a number".to_owned()),
        (LeadFieldKind::Checkbox, _) => Err("must be true or false".to_owned()),
        (LeadFieldKind::Select, _) => Err("must be one of the options".to_owned()),
    }
}

/// Something before the last `@`, and a host name with a dot behind it. Whether mail arrives only mail can tell.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let dotted = |text: &str| text.split('.').all(|part| !part.is_empty());
    let strange = |c: char| c.is_whitespace() || c.is_control() || "\"(),:;<>@[\\]".contains(c);
    let Ok(url::Host::Domain(host)) = url::Host::parse(domain) else {
        return false;
    };
    email.chars().count() <= EMAIL_CHARS_MAX
        && local.chars().count() <= LOCAL_PART_CHARS_MAX
        && dotted(local)
        && !local.contains(strange)
        && host.contains('.')
        && dotted(&host)
        && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Digits, and what people put between them.
fn is_phone(phone: &str) -> bool {
    let digits = phone.bytes().filter(u8::is_ascii_digit).count();
    let alphabet = |byte: u8| byte.is_ascii_digit() || b" +-()./".contains(&byte);
    (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits)
        && phone.len() <= PHONE_CHARS_MAX
        && phone.bytes().all(alphabet)
        && !phone.get(1..).is_some_and(|rest| rest.contains('+'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn emails_by_table() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let table = [
            ("alex@example.com", true),
            ("  Alex+tag@Example.COM ", true),
            ("o'neil@example.co.uk", true),
            ("jörg@bücher.example", true),
            ("", false),
            ("alex", false),
            ("alex@", false),
            ("@example.com", false),
            ("alex@localhost", false),
            ("alex@example..com", false),
            (".alex@example.com", false),
            ("al ex@example.com", false),
            ("alex@exam ple.com", false),
            ("alex@@example.com", false),
            ("alex@127.0.0.1", false),
            ("alex@[::1]", false),
            ("alex@-example.com", false),
            ("alex@example.com\u{0}", false),
            ("<alex@example.com>", false),
            (&long_local, false),
        ];
        for (email, fine) in table {
            assert_eq!(is_email(&fold_email(email)), fine, "{email}");
        }
    }

    #[test]
    fn phones_by_table() {
        let table = [
            ("+1 (555) 010-9999", true),
            ("0711/123456", true),
            ("12345", true),
            ("1234", false),
            ("+1+2345678", false),
            ("call me", false),
            ("+1234567890123456", false),
        ];
        for (phone, fine) in table {
            assert_eq!(is_phone(phone), fine, "{phone}");
        }
    }

    #[test]
    fn fields_by_table() {
        let agent = agent(&json!({ "lead_fields": [
            { "key": "company", "required": true },
            { "key": "seats", "kind": "number" },
            { "key": "terms", "kind": "checkbox", "required": true },
            { "key": "plan", "kind": "select", "options": ["basic", "pro"] },
        ] }));
        let table = [
            (json!({ "company": "Acme", "terms": true }), vec![]),
            (
                json!({ "company": "Acme", "terms": true, "seats": 5, "plan": "pro" }),
                vec![],
            ),
            (json!({ "company": "Acme", "terms": true, "seats": "5" }), vec![]),
            (
                json!({ "company": "Acme", "terms": true, "seats": "", "plan": null }),
                vec![],
            ),
            (json!({}), vec!["fields.company", "fields.terms"]),
            (
                json!({ "company": "  ", "terms": false }),
                vec!["fields.company", "fields.terms"],
            ),
            (
                json!({ "company": 7, "terms": "yes" }),
                vec!["fields.company", "fields.terms"],
            ),
            (
                json!({ "company": "Acme", "terms": true, "seats": "many" }),
                vec!["fields.seats"],
            ),
            (
                json!({ "company": "Acme", "terms": true, "plan": "gold" }),
                vec!["fields.plan"],
            ),
            (
                json!({ "company": "Acme", "terms": true, "colour": "red" }),
                vec!["fields.colour"],
            ),
            (json!({ "company": "nul \u{0}", "terms": true }), vec!["fields.company"]),
        ];
        for (sent, expected) in table {
            let request: LeadRequest =
                serde_json::from_value(json!({ "email": "alex@example.com", "fields": sent })).expect("a form");
            let refused = match request.checked(&agent) {
                Ok(_) => vec![],
                Err(ApiError::Invalid { fields }) => fields.into_iter().map(|field| field.field).collect(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(refused, expected, "{sent}");
        }
    }

    #[test]
    fn a_number_that_came_as_text_is_stored_as_a_number() {
        let agent = agent(&json!({ "lead_fields": [{ "key": "seats", "kind": "number" }] }));
        let request: LeadRequest =
            serde_json::from_value(json!({ "email": "a@b.example", "fields": { "seats": " 12 " } })).expect("a form");
        let form = request.checked(&agent).expect("a fine form");
        assert_eq!(form.fields["seats"].expose(), &json!(12));
    }

    #[test]
    fn who_does_not_agree_leaves_no_details_and_what_was_agreed_to_is_kept() {
        let agent = agent(&json!({ "lead_form": { "consent": "You may call me." } }));
        let form = |consent: Value| {
            let sent = json!({ "email": "a@b.example", "consent": consent });
            serde_json::from_value::<LeadRequest>(sent)
                .expect("a form")
                .checked(&agent)
        };
        for refused in [json!(null), json!(false)] {
            assert!(matches!(form(refused), Err(ApiError::Invalid { fields }) if fields[0].field == "consent"));
        }
        let agreed = form(json!(true)).expect("a fine form");
        assert_eq!(agreed.consent.as_deref(), Some("You may call me."));
    }

    fn agent(change: &Value) -> AgentDefinition {
        let mut whole = json!({ "workspace_id": events::WorkspaceId::from_bits(1), "name": "Aria" });
        for (key, value) in change.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).expect("a definition")
    }
}
