//! What callers send is checked field by field, and all that is wrong is said at once.

use std::ops::RangeInclusive;

use edge::FieldError;
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;

/// The longest page address that is taken, in characters.
pub const PAGE_URL_CHARS_MAX: usize = 2_048;

/// The longest name that a client gives to a message of its own, in characters.
const CLIENT_MESSAGE_ID_CHARS_MAX: usize = 128;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Checks {
    fields: Vec<FieldError>,
}

impl Checks {
    /// Notes that `field` is refused.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.fields.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// A text of so many characters; lines and tabs are fine. NUL is not: Postgres cannot hold it.
    pub fn text(&mut self, field: &str, text: &str, chars: RangeInclusive<usize>) {
        self.length(field, text, chars);
        if text.contains('\0') {
            self.refuse(field, "must not contain a NUL character");
        }
    }

    /// A text of one line, without control characters.
    pub fn line(&mut self, field: &str, text: &str, chars: RangeInclusive<usize>) {
        self.length(field, text, chars);
        if text.chars().any(char::is_control) {
            self.refuse(field, "must not contain control characters");
        }
    }

    /// A text that somebody reads: blanks alone say nothing.
    pub fn filled_text(&mut self, field: &str, text: &str, chars_max: usize) {
        self.text(field, text, 1..=chars_max);
        self.not_blank(field, text);
    }

    /// The same of one line.
    pub fn filled_line(&mut self, field: &str, text: &str, chars_max: usize) {
        self.line(field, text, 1..=chars_max);
        self.not_blank(field, text);
    }

    /// A page address: one line of bounded length. Whether it is a URL does not matter, nobody follows it.
    pub fn page_url(&mut self, page_url: Option<&str>) {
        if let Some(page_url) = page_url {
            self.line("page_url", page_url, 0..=PAGE_URL_CHARS_MAX);
        }
    }

    /// A client's own name of a message, by which a repeat is known.
    pub fn client_message_id(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            self.line("client_message_id", name, 1..=CLIENT_MESSAGE_ID_CHARS_MAX);
        }
    }

    /// A BCP 47 tag by its alphabet and length.
    pub fn language(&mut self, field: &str, tag: &str) {
        let subtags = tag.split(['-', '_']);
        let well_formed =
            |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let alphabetic = (2..=8).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
        if tag.len() > 35 || !alphabetic || !subtags.into_iter().all(well_formed) {
            self.refuse(field, "must be a language tag such as en or pt-BR");
        }
    }

    /// JSON of at most so many bytes, without NUL characters.
    pub fn json(&mut self, field: &str, value: &impl Serialize, bytes_max: usize) {
        match serde_json::to_value(value) {
            Ok(tree) if serde_json::to_string(&tree).map_or(usize::MAX, |text| text.len()) > bytes_max => {
                self.refuse(field, format!("must not be larger than {bytes_max} bytes"));
            }
            Ok(tree) if has_nul(&tree) => self.refuse(field, "must not contain a NUL character"),
            Ok(_) => {}
            Err(_) => self.refuse(field, "must be JSON"),
        }
    }

    /// At most so many.
    pub fn count(&mut self, field: &str, count: usize, max: usize) {
        if count > max {
            self.refuse(field, format!("must not have more than {max} entries"));
        }
    }

    /// Fine, or everything that is not.
    ///
    /// # Errors
    /// `validation_failed`, with every field that was refused.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.fields.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid { fields: self.fields })
        }
    }

    fn not_blank(&mut self, field: &str, text: &str) {
        // An empty one has been refused.
        if !text.is_empty() && text.trim().is_empty() {
            self.refuse(field, "must not be blank");
        }
    }

    fn length(&mut self, field: &str, text: &str, chars: RangeInclusive<usize>) {
        let (min, max) = (*chars.start(), *chars.end());
        // No character is shorter than a byte, so most texts need no counting.
        let count = text.chars().take(max.saturating_add(1)).count();
        if count < min {
            self.refuse(
                field,
                if min == 1 {
                    "must not be empty".to_owned()
                } else {
                    format!("must have at least {min} characters")
                },
            );
        } else if count > max {
            self.refuse(field, format!("must not be longer than {max} characters"));
        }
    }
}

/// An empty or blank text of a form is none.
pub fn none_if_blank(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut checks = Checks::default();
        checks.text("message", "", 1..=10);
        checks.line("name", "two\nlines", 1..=10);
        checks.json("page_context", &json!({ "a": "nul \u{0}" }), 100);
        let Err(ApiError::Invalid { fields }) = checks.finish() else {
            panic!("it was fine")
        };
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["message", "name", "page_context"]);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let mut checks = Checks::default();
        checks.text("message", "öööö", 1..=4);
        checks.finish().expect("four characters");
    }

    #[test]
    fn blanks_alone_are_no_text() {
        let mut checks = Checks::default();
        checks.filled_line("one", "  ", 10);
        checks.filled_text("two", "\n", 10);
        checks.filled_text("three", "", 10);
        checks.filled_line("four", " x ", 10);
        let Err(ApiError::Invalid { fields }) = checks.finish() else {
            panic!("it was fine")
        };
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["one", "two", "three"]);
    }

    #[test]
    fn language_tags_by_table() {
        for (tag, fine) in [
            ("en", true),
            ("pt-BR", true),
            ("zh-Hant-TW", true),
            ("", false),
            ("e", false),
            ("en us", false),
            ("12", false),
            ("en--US", false),
        ] {
            let mut checks = Checks::default();
            checks.language("locale", tag);
            assert_eq!(checks.finish().is_ok(), fine, "{tag}");
        }
    }
}
