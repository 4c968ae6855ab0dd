//! A change of an agent: checked, shown, agreed to, made.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use anyhow::{Context as _, bail};
use events::{AgentId, agent::AgentDefinition};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::{
    commands::api::{Api, Refused, Side},
    print,
};

/// Lines around a change that are shown with it.
const CONTEXT_LINES: usize = 3;

/// Who agrees to a change.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Consent {
    /// Check and show what would change, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// A definition that an agent is to have.
pub(super) struct Change<'a> {
    pub(super) api: &'a Api,
    pub(super) agent: AgentId,
    pub(super) definition: Value,
}

impl Change<'_> {
    /// Has the definition checked, shows in what it differs from the one in force, asks, and applies it.
    ///
    /// # Errors
    /// The API refuses, and then nothing is changed; or nobody can be asked.
    pub(super) async fn apply(self, consent: &Consent) -> anyhow::Result<()> {
        let path = format!("agents/{}", self.agent);
        let check = format!("{path}/check");
        self.api
            .call((Side::Command, Method::POST), &check, &[], Some(&self.definition))
            .await?;
        let current = self.current(&path).await?;
        let (old, new) = (current.as_ref().map(written).transpose()?, written(&self.definition)?);
        if old.as_deref() == Some(new.as_str()) {
            print::line(format!("agent {} is defined like this already", self.agent));
            return Ok(());
        }
        print::line(difference(old.as_deref().unwrap_or_default(), &new));
        if consent.dry_run {
            return Ok(());
        }
        if !consent.yes && !is_agreed()? {
            bail!("nothing was changed");
        }
        self.api
            .call((Side::Command, Method::PUT), &path, &[], Some(&self.definition))
            .await?;
        print::line(format!("agent {} is defined", self.agent));
        Ok(())
    }

    async fn current(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = match self.api.call((Side::Command, Method::GET), path, &[], None).await {
            Err(error) if is_unknown(&error) => return Ok(None),
            other => other?,
        };
        let mut current = answer.json::<Value>().await?["data"].take();
        if let Some(fields) = current.as_object_mut() {
            fields.remove("agent_id");
        }
        Ok(Some(current))
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}

/// As YAML with every field in the same order, those with their defaults included.
fn written(definition: &Value) -> anyhow::Result<String> {
    let definition: AgentDefinition =
        serde_json::from_value(definition.clone()).context("the definition is of another version")?;
    Ok(serde_norway::to_string(&definition)?)
}

/// The lines that differ, each with those around it.
fn difference(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let groups = diff.grouped_ops(CONTEXT_LINES).into_iter().map(|group| {
        let changes = group.iter().flat_map(|operation| diff.iter_changes(operation));
        let lines = changes.map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            format!("{sign} {}", change.value().trim_end())
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    groups.collect::<Vec<_>>().join("\n  …\n")
}

fn is_agreed() -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("nobody can be asked here: --yes applies it, --dry-run only shows it");
    }
    write!(stderr(), "Apply this? [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let workspace = "01JA8Q5T3V9Y6ZK4W2M7XN8RB0";
        let old = written(&json!({ "workspace_id": workspace, "name": "Aria" })).expect("a definition");
        let same =
            written(&json!({ "name": "Aria", "published": false, "workspace_id": workspace })).expect("a definition");
        let new = written(&json!({ "workspace_id": workspace, "name": "Bo" })).expect("a definition");
        assert_eq!(old, same, "defaults and order make no difference");
        let shown = difference(&old, &new);
        assert!(
            shown.contains("- name: Aria\n+ name: Bo") && !shown.contains("restricted_paths"),
            "{shown}"
        );
    }
}
