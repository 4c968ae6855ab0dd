//! A definition in a file: YAML or JSON, with an `id` beside what the API takes.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The id of a definition, and the body of the call that applies it.
pub(super) fn read<Id: DeserializeOwned>(file: &Path) -> anyhow::Result<(Id, Value)> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut definition = parse(&text).with_context(|| format!("{} is no YAML", file.display()))?;
    let id = definition.as_object_mut().and_then(|fields| fields.remove("id"));
    let id = serde_json::from_value(id.unwrap_or_default())
        .with_context(|| format!("{} needs an `id`, a ULID", file.display()))?;
    Ok((id, definition))
}

fn parse(text: &str) -> anyhow::Result<Value> {
    // Of a key that is there twice JSON's values take the last without a word; those of YAML refuse it.
    let _: serde_norway::Value = serde_norway::from_str(text)?;
    Ok(serde_norway::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_named() {
        for text in ["name: Aria\nname: Bo\n", r#"{ "name": "Aria", "name": "Bo" }"#] {
            let error = parse(text).expect_err("which of the two?");
            assert!(
                format!("{error:#}").contains("duplicate entry with key \"name\""),
                "{error:#}"
            );
        }
        let nested = "persona:\n  name: Aria\n  name: Bo\n";
        assert!(parse(nested).is_err());
        assert_eq!(parse("name: Aria\n").expect("a definition")["name"], "Aria");
    }
}
