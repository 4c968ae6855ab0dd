//! `diagent schema`

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::print;

/// JSON Schemas of the events.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// One type, for example `diagent.message.posted`; without it, all of them
    kind: Option<String>,
}

impl Schema {
    /// Prints one schema, or an object of all.
    ///
    /// # Errors
    /// There is no such type.
    pub fn run(self) -> anyhow::Result<()> {
        let schemas = events::schema::all();
        if let Some(wanted) = self.kind {
            let newest = schemas.into_iter().rfind(|((kind, _), _)| *kind == wanted);
            let (_, schema) =
                newest.with_context(|| format!("there is no type {wanted}; `diagent schema` lists all"))?;
            print::json(&schema);
        } else {
            let all = schemas
                .into_iter()
                .map(|((kind, version), schema)| (format!("{kind}:{version}"), schema));
            print::json(&Value::Object(all.collect::<Map<_, _>>()));
        }
        Ok(())
    }
}
