//! Which curated answers make sense; what they mean stands at [`events::agent::CuratedAnswer`].

use std::collections::HashMap;

use events::{
    agent::{BehaviorRule, CuratedAnswer, RuleConditions, normalise},
    markdown,
};

use super::behavior_rules::is_web_address;
use crate::checks::Checks;

const QUESTIONS_MAX: usize = 50;
const QUESTION_CHARS_MAX: usize = 300;
const ANSWER_CHARS_MAX: usize = 8_000;
const TITLE_CHARS_MAX: usize = 200;

/// Refuses what no responder could say, or would say to nobody, of the rule at `rule_at`.
pub(super) fn check(checks: &mut Checks, rule_at: &str, (conditions, curated): (&RuleConditions, &CuratedAnswer)) {
    let at = |name: &str| format!("{rule_at}.action.{name}");
    check_conditions(checks, rule_at, conditions);
    if curated.questions.is_empty() && conditions.intent_keywords.is_empty() {
        checks.refuse(at("questions"), "must not be empty without intent_keywords");
    }
    checks.count(&at("questions"), curated.questions.len(), QUESTIONS_MAX);
    for (index, question) in curated.questions.iter().enumerate() {
        let field = at(&format!("questions[{index}]"));
        checks.line(&field, question, 1..=QUESTION_CHARS_MAX);
        if !question.is_empty() && !question.chars().any(char::is_alphanumeric) {
            checks.refuse(field, "must have a letter or a digit");
        }
    }
    checks.filled_text(&at("answer"), &curated.answer, ANSWER_CHARS_MAX);
    if !markdown::has_safe_links(&curated.answer) {
        checks.refuse(
            at("answer"),
            "must have no links but to paths, http, https, mailto and tel addresses",
        );
    }
    if !markdown::has_no_tags(&curated.answer) {
        checks.refuse(at("answer"), "must not contain HTML, but between lines of ```");
    }
    if curated.url.as_ref().is_some_and(|url| !is_web_address(url)) {
        checks.refuse(at("url"), "must be an http or https address");
    }
    if let Some(title) = &curated.title {
        checks.filled_line(&at("title"), title, TITLE_CHARS_MAX);
        if curated.url.is_none() {
            checks.refuse(at("title"), "is only for the page of a url");
        }
    }
}

fn check_conditions(checks: &mut Checks, rule_at: &str, conditions: &RuleConditions) {
    let unknowable = [
        ("scroll_percent", conditions.scroll_percent.is_some()),
        ("idle_seconds", conditions.idle_seconds.is_some()),
        ("exit_intent", conditions.exit_intent),
    ];
    for (name, _) in unknowable.into_iter().filter(|(_, is_given)| *is_given) {
        checks.refuse(
            format!("{rule_at}.conditions.{name}"),
            "cannot be known when a message is answered",
        );
    }
}

/// Refuses a question that another rule answers on the same pages and from the same message on: one of the two answers would
/// never be given.
pub(super) fn check_repeats(checks: &mut Checks, rules: &[BehaviorRule]) {
    let mut asked = HashMap::new();
    for (place, rule) in rules.iter().enumerate() {
        let questions = rule.curated().map(|curated| curated.questions.as_slice());
        for (index, question) in questions.unwrap_or_default().iter().enumerate() {
            let conditions = (&rule.conditions.url_patterns, rule.conditions.message_count);
            let first = *asked.entry((normalise(question), conditions)).or_insert(place);
            if first != place {
                checks.refuse(
                    format!("behavior_rules[{place}].action.questions[{index}]"),
                    format!("is answered by behavior_rules[{first}] already"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::behavior_rules::tests::refused;

    #[test]
    fn curated_answers_by_table() {
        let table = [
            (json!({}), json!({ "questions": ["Open?"] }), ""),
            (
                json!({ "intent_keywords": ["open"], "message_count": 2 }),
                json!({ "questions": [] }),
                "",
            ),
            (
                json!({}),
                json!({ "questions": ["Open?"], "url": "https://shop.example/hours", "title": "Hours" }),
                "",
            ),
            (json!({}), json!({ "questions": [] }), "action.questions"),
            (json!({}), json!({ "questions": [" "] }), "action.questions[0]"),
            (
                json!({ "scroll_percent": 40 }),
                json!({ "questions": ["Open?"] }),
                "conditions.scroll_percent",
            ),
            (
                json!({}),
                json!({ "questions": ["Open?"], "url": "/hours" }),
                "action.url",
            ),
            (
                json!({}),
                json!({ "questions": ["Open?"], "title": "Hours" }),
                "action.title",
            ),
            (
                json!({}),
                json!({ "questions": ["Open?"], "answer": " \n" }),
                "action.answer",
            ),
        ];
        for (conditions, fields, expected) in table {
            assert_refused(&rule("a", &conditions, &fields), expected);
        }
    }

    #[test]
    fn an_answer_runs_nothing_in_the_page_that_shows_it() {
        let table = [
            (
                "[Until six](/hours), <https://shop.example>, [mail](mailto:a@shop.example)",
                "",
            ),
            ("```\n<script src=widget.js></script>\n```", ""),
            ("[here](javascript:alert(1))", "action.answer"),
            ("[here]: data:text/html,hi", "action.answer"),
            ("<javascript:alert(1)>", "action.answer"),
            ("<img src=x onerror=alert(1)>", "action.answer"),
        ];
        for (answer, expected) in table {
            let fields = json!({ "questions": ["Open?"], "answer": answer });
            assert_refused(&rule("a", &json!({}), &fields), expected);
        }
    }

    #[test]
    fn a_question_is_answered_once() {
        let fields = json!({ "questions": ["Parking?", "Are you open?"] });
        let other = json!({ "questions": ["are you OPEN"] });
        let (one, same) = (rule("a", &json!({}), &fields), rule("b", &json!({}), &other));
        assert_eq!(refused(json!([one, same])), ["behavior_rules[1].action.questions[0]"]);
        let elsewhere = rule("b", &json!({ "url_patterns": ["/holidays"] }), &other);
        assert_eq!(
            refused(json!([one, elsewhere])),
            Vec::<String>::new(),
            "on its own page"
        );
    }

    fn rule(id: &str, conditions: &Value, fields: &Value) -> Value {
        let mut action = json!({ "kind": "curated", "answer": "Yes." });
        for (name, value) in fields.as_object().expect("fields") {
            action[name] = value.clone();
        }
        json!({ "id": id, "conditions": conditions, "action": action })
    }

    /// What is refused of `rule` is `expected`; nothing, if that is empty.
    fn assert_refused(rule: &Value, expected: &str) {
        let expected = (!expected.is_empty()).then(|| format!("behavior_rules[0].{expected}"));
        assert_eq!(refused(json!([rule])), Vec::from_iter(expected), "{rule}");
    }
}
