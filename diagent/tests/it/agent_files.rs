//! Agents as files, through the command line. Features, "Agents".

use std::{env::temp_dir, fs};

use serde_json::{Value, json};

use crate::support::{Stack, succeeds};

#[tokio::test]
async fn an_agent_is_a_file_whose_changes_are_shown_kept_and_taken_back() {
    let agent = Stack::shared().await.agent().await;
    let path = temp_dir().join(format!("diagent-it-agent-{}.yaml", agent.id));
    let file = path.to_string_lossy().into_owned();
    let write = |fields: &Value| fs::write(&path, fields.to_string()).expect("a file");
    let mut fields = agent.fields.clone();
    fields["id"] = json!(agent.id);
    fields["name"] = json!("Bo");
    write(&fields);

    let shown = succeeds(&agent, &["agent", "apply", "-f", &file, "--dry-run"]).await;
    assert!(shown.contains("- name: Aria\n+ name: Bo"), "{shown}");
    let history = async || -> usize {
        let listed = succeeds(&agent, &["agent", "history", &agent.id, "--json"]).await;
        serde_json::from_str::<Value>(&listed)
            .expect("JSON")
            .as_array()
            .expect("a list")
            .len()
    };
    assert_eq!(history().await, 1, "a dry run changes nothing");
    let unasked = agent.diagent(&["agent", "apply", "-f", &file]).await;
    assert!(!unasked.status.success(), "nobody was asked");
    succeeds(&agent, &["agent", "apply", "-f", &file, "--yes"]).await;
    assert_eq!(history().await, 2);

    fields["behavior_rules"] = json!([{ "id": "a", "conditions": { "scroll_percent": 400 }, "action": { "kind": "lead_capture", "message": "m" } }]);
    write(&fields);
    let refused = agent.diagent(&["agent", "apply", "-f", &file, "--dry-run"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success()
            && said.contains("The agent is not valid:\n  behavior_rules[0].conditions.scroll_percent: ")
            && !said.contains("422"),
        "{said}"
    );

    succeeds(&agent, &["agent", "rollback", &agent.id, "--yes"]).await;
    let now: Value =
        serde_json::from_str(&succeeds(&agent, &["agent", "show", &agent.id, "--json"]).await).expect("JSON");
    assert_eq!((&now["name"], history().await), (&json!("Aria"), 3));
    fs::remove_file(path).expect("a file");
}

#[tokio::test]
async fn what_is_shown_can_be_applied_again() {
    let rules = json!([
        { "id": "hours", "conditions": {}, "action": { "kind": "curated", "questions": ["Are you open?"], "answer": "Until six.\n\nNo: later. " } },
        { "id": "7", "conditions": { "exit_intent": true }, "action": { "kind": "lead_capture", "message": "'Yes' # no" } },
    ]);
    let fields = json!({ "behavior_rules": rules, "theme": { "radius": 8 }, "lead_form": { "consent": "yes" } });
    let agent = Stack::shared().await.agent_with(fields).await;
    let id = agent.id.as_str();
    let commands: [&[&str]; 2] = [&["agent", "show", id], &["agent", "show", id, "--json"]];
    for command in commands {
        let shown = succeeds(&agent, command).await;
        let path = temp_dir().join(format!("diagent-it-shown-{id}-{}.yaml", command.len()));
        fs::write(&path, shown).expect("a file");
        let applied = succeeds(&agent, &["agent", "apply", "-f", &path.to_string_lossy(), "--dry-run"]).await;
        assert!(applied.contains("is defined like this already"), "{applied}");
        fs::remove_file(path).expect("a file");
    }
}
