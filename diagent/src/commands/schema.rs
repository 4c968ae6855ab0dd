//! `diagent schema`

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::print;

/// JSON Schemas of the events.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// One type in its newest version, for example `diagent.message.posted`, or in a certain one, `diagent.message.posted:1`;
    /// without it, all of them
    #[arg(value_name = "TYPE")]
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
            let (_, schema) = schemas
                .into_iter()
                .rfind(|((kind, version), _)| *kind == wanted || format!("{kind}:{version}") == wanted)
                .with_context(|| format!("there is no type {wanted}; `diagent schema` lists all"))?;
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
