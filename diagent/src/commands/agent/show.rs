//! `diagent agent show`

use anyhow::Context as _;
use events::{AgentId, agent::AgentDefinition};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// Print an agent's definition, as `apply` reads it.
#[derive(Debug, clap::Args)]
pub struct Show {
    agent: AgentId,
    /// As JSON instead of YAML
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// An agent's file.
#[derive(Debug, Serialize)]
struct File {
    id: AgentId,
    #[serde(flatten)]
    definition: AgentDefinition,
}

impl Show {
    /// Prints the definition in force.
    ///
    /// # Errors
    /// There is no such agent, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let path = format!("agents/{}", self.agent);
        let api = Api::new(self.api, infra)?;
        let answer = api.call((Side::Command, Method::GET), &path, &[], None).await?;
        let file = file(self.agent, answer.json::<Value>().await?["data"].take())?;
        if self.json {
            print::json(&serde_json::to_value(&file)?);
        } else {
            print::line(serde_norway::to_string(&file)?.trim_end());
        }
        Ok(())
    }
}

fn file(id: AgentId, mut definition: Value) -> anyhow::Result<File> {
    // What the API calls it is no field of a definition.
    if let Some(fields) = definition.as_object_mut() {
        fields.remove("agent_id");
    }
    let definition = serde_json::from_value(definition).context("the definition is of another version")?;
    Ok(File { id, definition })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_shown_is_what_apply_reads() {
        // A ULID that YAML would take for a number, were it not quoted.
        let id: AgentId = "01234567890123456789012345".parse().expect("a ULID");
        let answered = json!({
            "agent_id": id, "workspace_id": "01JA8Q5T3V9Y6ZK4W2M7XN8RB0", "name": "yes", "theme": { "radius": 8 },
            "persona": { "name": "Aria", "tone": "friendly", "greeting": "Hello!\n\nHow are you? " },
            "behavior_rules": [{ "id": "1", "priority": 0, "conditions": {}, "action": { "kind": "curated", "questions": ["No?"], "answer": "# Yes" } }],
        });
        let shown = file(id, answered.clone()).expect("a definition");
        let written = serde_norway::to_string(&shown).expect("YAML");
        let mut read: Value = serde_norway::from_str(&written).expect("YAML");
        assert_eq!(read["id"].take(), json!(id), "{written}");
        assert!(written.starts_with("id: "), "{written}");
        for field in ["workspace_id", "name", "theme", "persona", "behavior_rules"] {
            assert_eq!(read[field], answered[field], "{written}");
        }
    }
}
