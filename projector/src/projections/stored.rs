//! Values as the database takes them: without the one character it cannot store, numbers in its types.

use events::{Partition, Position, Recorded};
use serde_json::{Map, Value};

/// `text` as PostgreSQL can hold it: it has no NUL, and a visitor may write one.
pub fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// `text` as it can be part of an index: at most `bytes_max` bytes, cut between characters.
pub fn short_text(text: &str, bytes_max: usize) -> String {
    self::text(&text[..text.floor_char_boundary(bytes_max)])
}

/// The first `chars_max` characters of `text`, on one line.
pub fn preview(text: &str, chars_max: usize) -> String {
    let line: String = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

/// `value` without NULs, which jsonb cannot hold either.
pub fn json(value: Value) -> Value {
    match value {
        Value::String(string) => Value::String(text(&string)),
        Value::Array(items) => items.into_iter().map(json).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (text(&key), json(value)))
            .collect::<Map<_, _>>()
            .into(),
        plain => plain,
    }
}

/// The tenant of an event; empty when its writer did not say, which no tenant's token matches.
pub fn workspace_id(recorded: &Recorded) -> String {
    recorded
        .attributes
        .workspaceid
        .map(|id| id.to_string())
        .unwrap_or_default()
}

/// The number of a partition; -1 is CONTROL.
pub fn partition(partition: Partition) -> i32 {
    match partition {
        Partition::Events(number) => i32::from(number),
        Partition::Control => -1,
    }
}

/// A sequence in the database's type.
pub fn sequence(sequence: u64) -> i64 {
    number(sequence)
}

/// A position in the database's types.
pub fn position(position: Position) -> (i32, i64) {
    (partition(position.partition), sequence(position.sequence))
}

/// A count in the database's type.
pub fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_nul_reaches_the_database() {
        assert_eq!(text("a\0b"), "a\u{FFFD}b");
        assert_eq!(
            json(json!({ "a\0": ["\0", 1, { "b": null }] })),
            json!({ "a\u{FFFD}": ["\u{FFFD}", 1, { "b": null }] })
        );
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(short_text("aé", 2), "a");
        assert_eq!(short_text("aé", 3), "aé");
        assert_eq!(preview("one  two\nthree", 7), "one two…");
        assert_eq!(preview("one  two\n", 7), "one two");
    }
}
