//! A definition in a file: YAML or JSON, with an `id` beside what the API takes.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The id of a definition, and the body of the call that applies it.
pub(super) fn read<Id: DeserializeOwned>(file: &Path) -> anyhow::Result<(Id, Value)> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut definition: Value =
        serde_norway::from_str(&text).with_context(|| format!("{} is no YAML", file.display()))?;
    let id = definition.as_object_mut().and_then(|fields| fields.remove("id"));
    let id = serde_json::from_value(id.unwrap_or_default())
        .with_context(|| format!("{} needs an `id`, a ULID", file.display()))?;
    Ok((id, definition))
}
