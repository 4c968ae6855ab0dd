//! Which behaviour rules make sense; what they mean stands at [`events::agent::BehaviorRule`].

use std::{collections::HashSet, ops::RangeInclusive};

use events::agent::{BehaviorRule, CallToAction, Route, RouteTarget, RuleAction, RuleConditions};
use url::Url;

use super::curated_rules;
use crate::checks::{Checks, PAGE_URL_CHARS_MAX};

const RULES_MAX: usize = 20;
const ID_CHARS_MAX: usize = 64;
const PRIORITIES: RangeInclusive<i32> = -1_000..=1_000;
const KEYWORDS_MAX: usize = 50;
const KEYWORD_CHARS_MAX: usize = 100;
const PATTERNS_MAX: usize = 50;
const PATTERN_CHARS_MAX: usize = 500;
const MESSAGE_CHARS_MAX: usize = 500;
const LABEL_CHARS_MAX: usize = 100;
const PROMPT_CHARS_MAX: usize = 300;

/// Refuses what no widget and no responder could act on.
pub(super) fn check(checks: &mut Checks, rules: &[BehaviorRule]) {
    checks.count("behavior_rules", rules.len(), RULES_MAX);
    let mut ids = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("behavior_rules[{index}]");
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=ID_CHARS_MAX).contains(&rule.id.len()) || !rule.id.bytes().all(alphabet) {
            checks.refuse(format!("{at}.id"), "must be 1 to 64 letters, digits or -_.");
        } else if !ids.insert(&rule.id) {
            checks.refuse(format!("{at}.id"), "is used twice");
        }
        if !PRIORITIES.contains(&rule.priority) {
            checks.refuse(format!("{at}.priority"), "must be from -1000 to 1000");
        }
        check_conditions(checks, &format!("{at}.conditions"), &rule.conditions);
        check_action(checks, &at, rule);
    }
    curated_rules::check_repeats(checks, rules);
}

fn check_conditions(checks: &mut Checks, at: &str, conditions: &RuleConditions) {
    let field = format!("{at}.intent_keywords");
    checks.count(&field, conditions.intent_keywords.len(), KEYWORDS_MAX);
    for (index, keyword) in conditions.intent_keywords.iter().enumerate() {
        let field = format!("{field}[{index}]");
        checks.line(&field, keyword, 1..=KEYWORD_CHARS_MAX);
        if !keyword.is_empty() && !keyword.chars().any(char::is_alphanumeric) {
            checks.refuse(&field, "must have a letter or a digit");
        }
        if keyword.trim_matches('*').contains('*') {
            checks.refuse(field, "must have no * but at its beginning and its end");
        }
    }
    let field = format!("{at}.url_patterns");
    checks.count(&field, conditions.url_patterns.len(), PATTERNS_MAX);
    for (index, pattern) in conditions.url_patterns.iter().enumerate() {
        let field = format!("{field}[{index}]");
        checks.line(&field, pattern, 1..=PATTERN_CHARS_MAX);
        if !["/", "http://", "https://"]
            .iter()
            .any(|start| pattern.starts_with(start))
        {
            checks.refuse(&field, "must begin with / or with http:// or https://");
        }
        if pattern.contains(['?', '#']) {
            checks.refuse(
                field,
                "must have no ? and no #: pages are compared without query and fragment",
            );
        }
    }
    let numbers = [
        ("scroll_percent", conditions.scroll_percent, 1..=100),
        ("idle_seconds", conditions.idle_seconds, 1..=3_600),
        ("message_count", conditions.message_count, 1..=15),
    ];
    for (name, value, range) in numbers {
        if value.is_some_and(|value| !range.contains(&value)) {
            let (min, max) = range.into_inner();
            checks.refuse(format!("{at}.{name}"), format!("must be from {min} to {max}"));
        }
    }
}

fn check_action(checks: &mut Checks, rule_at: &str, rule: &BehaviorRule) {
    let at = |name: &str| format!("{rule_at}.action.{name}");
    if rule.curated().is_none() && rule.conditions == RuleConditions::default() {
        checks.refuse(format!("{rule_at}.conditions"), "must have at least one condition");
    }
    match &rule.action {
        RuleAction::Cta(cta) => check_cta(checks, at, cta),
        RuleAction::LeadCapture(form) => checks.filled_line(&at("message"), &form.message, MESSAGE_CHARS_MAX),
        RuleAction::Route(route) => check_route(checks, at, route),
        RuleAction::Curated(curated) => curated_rules::check(checks, rule_at, (&rule.conditions, curated)),
    }
}

fn check_cta(checks: &mut Checks, at: impl Fn(&str) -> String, cta: &CallToAction) {
    checks.filled_line(&at("message"), &cta.message, MESSAGE_CHARS_MAX);
    checks.filled_line(&at("label"), &cta.label, LABEL_CHARS_MAX);
    match (&cta.prompt, &cta.url) {
        (Some(prompt), None) => checks.filled_line(&at("prompt"), prompt, PROMPT_CHARS_MAX),
        (None, Some(url)) => check_link(checks, at("url"), url),
        (Some(_), Some(_)) | (None, None) => {
            checks.refuse(at("prompt"), "must be given, or else url, and not both");
        }
    }
}

fn check_route(checks: &mut Checks, at: impl Fn(&str) -> String, route: &Route) {
    checks.filled_line(&at("message"), &route.message, MESSAGE_CHARS_MAX);
    checks.filled_line(&at("label"), &route.label, LABEL_CHARS_MAX);
    match (route.to, &route.url) {
        (RouteTarget::Page, Some(url)) => check_link(checks, at("url"), url),
        (RouteTarget::Page, None) => checks.refuse(at("url"), "must be given for a page"),
        (RouteTarget::Human, Some(_)) => checks.refuse(at("url"), "is only for a page"),
        (RouteTarget::Human, None) => {}
    }
}

/// A path of the site (but not `//host`), or an address.
fn check_link(checks: &mut Checks, field: String, url: &str) {
    let is_path = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
    let is_short = url.chars().count() <= PAGE_URL_CHARS_MAX && !url.chars().any(char::is_control);
    if !(is_short && (is_path || is_web_address(url))) {
        checks.refuse(field, "must be a path of the site, or an http or https address");
    }
}

pub(super) fn is_web_address(url: &str) -> bool {
    url.chars().count() <= PAGE_URL_CHARS_MAX
        && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ApiError;

    #[test]
    fn conditions_by_table() {
        let table = [
            (r#"{ "url_patterns": ["/pricing*", "https://shop.example/*"] }"#, ""),
            (r#"{ "scroll_percent": 0 }"#, "conditions.scroll_percent"),
            (r#"{ "scroll_percent": 101 }"#, "conditions.scroll_percent"),
            (r#"{ "idle_seconds": 3601 }"#, "conditions.idle_seconds"),
            (r#"{ "message_count": 16 }"#, "conditions.message_count"),
            (r#"{ "url_patterns": ["pricing"] }"#, "conditions.url_patterns[0]"),
            (r#"{ "url_patterns": ["/a", "/a?b=c"] }"#, "conditions.url_patterns[1]"),
            (r#"{ "url_patterns": ["/a#b"] }"#, "conditions.url_patterns[0]"),
            (r#"{ "intent_keywords": ["*price*", "refund*"] }"#, ""),
            (r#"{ "intent_keywords": ["re*fund"] }"#, "conditions.intent_keywords[0]"),
            (
                r#"{ "intent_keywords": ["price", "*"] }"#,
                "conditions.intent_keywords[1]",
            ),
            ("{}", "conditions"),
        ];
        for (conditions, expected) in table {
            assert_refused(conditions, r#"{ "kind": "lead_capture", "message": "m" }"#, expected);
        }
    }

    #[test]
    fn actions_by_table() {
        let table = [
            (r#""kind": "cta", "message": "m", "label": "l", "prompt": "p""#, ""),
            (
                r#""kind": "cta", "message": "", "label": "l", "prompt": "p""#,
                "action.message",
            ),
            (
                r#""kind": "cta", "message": "m", "label": " ", "prompt": "p""#,
                "action.label",
            ),
            (
                r#""kind": "cta", "message": "m", "label": "l", "prompt": " ""#,
                "action.prompt",
            ),
            (
                r#""kind": "cta", "message": "m", "label": "l", "prompt": "p", "url": "/x""#,
                "action.prompt",
            ),
            (
                r#""kind": "cta", "message": "m", "label": "l", "url": "//evil.example""#,
                "action.url",
            ),
            (
                r#""kind": "cta", "message": "m", "label": "l", "url": "javascript:alert(1)""#,
                "action.url",
            ),
            (r#""kind": "route", "to": "human", "message": "m", "label": "l""#, ""),
            (
                r#""kind": "route", "to": "page", "message": "m", "label": "l""#,
                "action.url",
            ),
        ];
        for (action, expected) in table {
            assert_refused(r#"{ "scroll_percent": 40 }"#, &format!("{{ {action} }}"), expected);
        }
    }

    #[test]
    fn at_most_twenty_rules_each_with_its_own_id() {
        let rule = |id: &str| json!({ "id": id, "conditions": { "exit_intent": true }, "action": { "kind": "lead_capture", "message": "m" } });
        let many = |count: usize| (0..count).map(|n| rule(&n.to_string())).collect::<Value>();
        assert_eq!(refused(many(20)), Vec::<String>::new());
        assert_eq!(refused(many(21)), ["behavior_rules"]);
        assert_eq!(
            refused(json!([rule("a"), rule("a"), rule("b c")])),
            ["behavior_rules[1].id", "behavior_rules[2].id"]
        );
    }

    /// What is refused of such a rule is `expected`; nothing, if that is empty.
    fn assert_refused(conditions: &str, action: &str, expected: &str) {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let rule = json!({ "id": "a", "conditions": parse(conditions), "action": parse(action) });
        let expected = (!expected.is_empty()).then(|| format!("behavior_rules[0].{expected}"));
        assert_eq!(refused(json!([rule])), Vec::from_iter(expected), "{rule}");
    }

    /// The fields of `rules` that are refused.
    pub(in super::super) fn refused(rules: Value) -> Vec<String> {
        let rules: Vec<BehaviorRule> = serde_json::from_value(rules).expect("rules");
        let mut checks = Checks::default();
        check(&mut checks, &rules);
        match checks.finish() {
            Err(ApiError::Invalid { fields }) => fields.into_iter().map(|field| field.field).collect(),
            _ => Vec::new(),
        }
    }
}
