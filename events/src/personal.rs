//! Personal data is of one type, so that it cannot end up in a log line, a metric or a subject by accident.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that belongs to a person. It is stored and sent, never printed: `Debug` hides it and there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Marks `value` as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for whoever may see it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, given away.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Personal<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<personal>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stored_but_never_printed() {
        let email: Personal<String> = Personal::from("alex@example.com");
        assert_eq!(format!("{email:?}"), "<personal>");
        assert_eq!(serde_json::to_string(&email).expect("JSON"), r#""alex@example.com""#);
    }
}
