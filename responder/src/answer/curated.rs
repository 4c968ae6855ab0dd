//! Answers that the site's team wrote itself: a behaviour rule of type `answer`, matched before anything is looked up.

use serde_json::{Map, Value};

/// What the team wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Curated {
    pub(super) answer: String,
    pub(super) url: Option<String>,
}

/// The first rule `{"type": "answer", "questions": […], "answer": "…", "url": "…"}` that has this question.
pub(super) fn find(rules: &[Map<String, Value>], question: &str) -> Option<Curated> {
    let asked = normalise(question);
    if asked.is_empty() {
        return None;
    }
    let rule = rules
        .iter()
        .filter(|rule| rule.get("type").and_then(Value::as_str) == Some("answer"))
        .find(|rule| {
            let questions = rule.get("questions").and_then(Value::as_array).into_iter().flatten();
            questions
                .filter_map(Value::as_str)
                .any(|question| normalise(question) == asked)
        })?;
    let text = |key: &str| rule.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Curated {
        answer: text("answer")?,
        url: text("url"),
    })
}

/// Case, punctuation and spacing do not make another question.
pub(super) fn normalise(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|char| if char.is_alphanumeric() { char } else { ' ' })
        .collect();
    spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_matched_by_its_words() {
        let rule = json!({ "type": "answer", "questions": ["Are you open today?"], "answer": "Yes, until six.", "url": "/hours" });
        let rules = [rule.as_object().expect("an object").clone()];
        let expected = Curated {
            answer: "Yes, until six.".to_owned(),
            url: Some("/hours".to_owned()),
        };
        assert_eq!(find(&rules, "are you open   today"), Some(expected));
        assert_eq!(find(&rules, "are you open tomorrow"), None);
    }
}
