//! Events as nobody wrote them: what is read is written and read again as the same, and the rest is refused.

use events::{Category, LogEvent, Subject, recorded};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::golden::{encode, examples, subject};

const CATEGORIES: [Category; 7] = [
    Category::Visitor,
    Category::Conversation,
    Category::Lead,
    Category::Telemetry,
    Category::Workspace,
    Category::Agent,
    Category::Document,
];

/// Whatever may stand where a text, a number or a whole object stood. Without fractions: JSON does not keep their last digit.
fn anything() -> impl Strategy<Value = Value> {
    let odd = prop::sample::select(vec![
        json!("9999-12-31T23:59:59.999-23:59"),
        json!("0000-01-01T00:00:00+23:59"),
        json!("urn:diagent:schema:diagent.agent.defined:1"),
        json!("urn:diagent:schema:diagent.agent.defined:4294967295"),
        json!("diagent.agent.defined"),
        json!("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        json!("81JA8Q5T3V9Y6ZK4W2M7XN8RBC"),
    ]);
    let leaf = prop_oneof![
        4 => "(?s).{0,20}".prop_map(Value::from),
        2 => odd,
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let object = prop::collection::btree_map("[a-z_]{1,9}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|object| object.into_iter().collect()),
        ]
    })
}

fn example() -> impl Strategy<Value = String> {
    prop::sample::select(examples().into_values().collect::<Vec<_>>())
}

/// The place of every value in `tree`, as JSON pointers.
fn places(tree: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match tree {
        Value::Object(fields) => {
            for (name, value) in fields {
                self::places(
                    value,
                    &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                    places,
                );
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                self::places(value, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

/// What is read of `payload` in any category survives being written.
fn is_read_as_it_is_or_refused(place: &Subject, payload: &[u8]) -> Result<(), TestCaseError> {
    for category in CATEGORIES {
        let Ok((attributes, event)) = LogEvent::decode(category, payload) else {
            continue;
        };
        let written = encode(place, &attributes, &event);
        let again = LogEvent::decode(category, &written);
        prop_assert_eq!(again.ok(), Some((attributes, event)));
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_example_with_other_values_is_read_as_it_is_or_refused(
        example in example(), changes in prop::collection::vec((any::<Index>(), anything()), 1..4),
    ) {
        let mut tree: Value = serde_json::from_str(&example).expect("JSON");
        let place = subject(&tree);
        for (at, value) in changes {
            let mut found = Vec::new();
            places(&tree, "", &mut found);
            *tree.pointer_mut(&found[at.index(found.len())]).expect("a place") = value;
        }
        is_read_as_it_is_or_refused(&place, tree.to_string().as_bytes())?;
    }

    #[test]
    fn an_example_with_other_texts_is_read_as_it_is(example in example(), text in "(?s).{0,60}") {
        let mut tree: Value = serde_json::from_str(&example).expect("JSON");
        let place = subject(&tree);
        for name in ["content", "comment", "reason", "name", "email", "title", "text", "locale", "event", "code"] {
            if let Some(value) = tree["data"].get_mut(name).filter(|value| value.is_string()) {
                *value = json!(text);
            }
        }
        tree["correlationid"] = json!(text);
        let payload = tree.to_string();
        prop_assert!(CATEGORIES.iter().any(|category| LogEvent::decode(*category, payload.as_bytes()).is_ok()));
        is_read_as_it_is_or_refused(&place, payload.as_bytes())?;
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        example in example(), bytes: Vec<u8>, cut in any::<(Index, Index)>(), kind in "(?s).{0,30}",
    ) {
        let mut spliced = example.into_bytes();
        let (one, two) = (cut.0.index(spliced.len()), cut.1.index(spliced.len()));
        spliced.splice(one.min(two)..one.max(two), bytes.iter().copied());
        let named = json!({ "type": kind, "dataschema": kind, "data": kind }).to_string().into_bytes();
        for payload in [bytes, spliced, named] {
            recorded::kind_of(&payload);
            for category in CATEGORIES {
                drop(LogEvent::decode(category, &payload));
            }
        }
    }
}
