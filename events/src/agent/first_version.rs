//! Definitions of version 1, whose behaviour rules were objects of any shape.

use serde_json::{Map, Value, json};

/// Lifts the data of `diagent.agent.defined` from version 1 to 2: its rules become typed ones. What no widget and no
/// responder ever acted on, and the rule that opened the chat by itself, have no successor and are left out.
pub(crate) fn lift(data: &mut Value) {
    let Some(rules) = data.pointer_mut("/definition/behavior_rules") else {
        return;
    };
    let lifted: Vec<Value> = (rules.as_array().into_iter().flatten().enumerate())
        .filter_map(|(index, rule)| nudge(index, rule).or_else(|| answer(index, rule)))
        .collect();
    *rules = Value::Array(lifted);
}

/// `{id, pages, trigger: {type, percent | seconds}, action: {type: "nudge", message, cta: {label, prompt}}}`
fn nudge(index: usize, rule: &Value) -> Option<Value> {
    let (trigger, action) = (&rule["trigger"], &rule["action"]);
    let condition = match (trigger["type"].as_str()?, action["type"].as_str()?) {
        ("scroll", "nudge") => ("scroll_percent", trigger["percent"].as_u64().unwrap_or(50)),
        ("time", "nudge") => ("idle_seconds", trigger["seconds"].as_u64().unwrap_or(10)),
        _ => return None,
    };
    let mut conditions = Map::from_iter([(condition.0.to_owned(), json!(condition.1))]);
    if let Some(pages) = rule["pages"].as_array() {
        conditions.insert("url_patterns".to_owned(), texts(pages));
    }
    Some(json!({
        "id": id(index, rule),
        "conditions": conditions,
        "action": {
            "kind": "cta",
            "message": action["message"].as_str()?,
            "label": action["cta"]["label"].as_str()?,
            "prompt": action["cta"]["prompt"].as_str()?,
        },
    }))
}

/// `{type: "answer", questions, answer, url}`
fn answer(index: usize, rule: &Value) -> Option<Value> {
    let questions = texts(rule["questions"].as_array()?);
    let mut action = json!({ "kind": "curated", "questions": questions, "answer": rule["answer"].as_str()? });
    if let Some(url) = rule["url"].as_str() {
        action["url"] = json!(url);
    }
    (rule["type"] == "answer").then(|| json!({ "id": id(index, rule), "conditions": {}, "action": action }))
}

fn texts(values: &[Value]) -> Value {
    values.iter().filter(|value| value.is_string()).cloned().collect()
}

fn id(index: usize, rule: &Value) -> String {
    let own = rule["id"].as_str().map(str::to_owned);
    own.unwrap_or_else(|| format!("rule-{}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::BehaviorRule;

    #[test]
    fn rules_that_were_acted_on_live_on() {
        let mut data = json!({ "definition": { "behavior_rules": [
            { "id": "a", "pages": ["/pricing"], "trigger": { "type": "scroll", "percent": 40 },
              "action": { "type": "nudge", "message": "m", "cta": { "label": "l", "prompt": "p" } } },
            { "id": "b", "trigger": { "type": "scroll", "percent": 60 }, "action": { "type": "open" } },
            { "id": "c", "trigger": { "type": "time", "seconds": 5 },
              "action": { "type": "nudge", "message": "m", "cta": { "label": "l", "prompt": "p" } } },
            { "type": "answer", "questions": ["Open?"], "answer": "Yes.", "url": "https://your-site.com/hours" },
            { "id": "r1", "type": "scroll", "percent": 50 },
            {},
        ] } });
        lift(&mut data);
        let rules = &data["definition"]["behavior_rules"];
        let typed: Vec<BehaviorRule> = serde_json::from_value(rules.clone()).expect("typed rules");
        assert_eq!(
            typed.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(),
            ["a", "c", "rule-4"]
        );
        assert_eq!(
            rules[0]["conditions"],
            json!({ "scroll_percent": 40, "url_patterns": ["/pricing"] })
        );
        assert_eq!(rules[1]["conditions"], json!({ "idle_seconds": 5 }));
        assert_eq!(typed[2].curated().map(|curated| curated.answer.as_str()), Some("Yes."));
    }

    #[test]
    fn a_definition_without_rules_stays_as_it_is() {
        let mut data = json!({ "definition": { "name": "Aria" } });
        lift(&mut data);
        assert_eq!(data, json!({ "definition": { "name": "Aria" } }));
    }
}
