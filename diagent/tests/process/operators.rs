//! `diagent projections` as an operator types it, beside a running `diagent up`.

use std::path::Path;

use diagent::demo;
use serde_json::{Value, json};

use crate::support::{Folder, Process, Visitor, free_addresses};

#[tokio::test]
async fn an_operator_rebuilds_verifies_promotes_and_goes_back() {
    let folder = Folder::new("operators");
    let data = folder.path("data").to_string_lossy().into_owned();
    let [command_api, read_api, responder, projector, site] = free_addresses();
    let (command_url, read_url) = (format!("http://{command_api}"), format!("http://{read_api}"));
    let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/../.diagent/cache");
    let environment = [
        ("DIAGENT_DATA_DIR", data.as_str()),
        ("DIAGENT_CACHE_DIR", cache),
        ("COMMAND_API_ADDR", &command_api),
        ("READ_API_ADDR", &read_api),
        ("RESPONDER_ADDR", &responder),
        ("PROJECTOR_ADDR", &projector),
        ("DEMO_ADDR", &site),
        ("COMMAND_API_URL", &command_url),
        ("READ_API_URL", &read_url),
    ];
    let mut up = Process::start(&["--embedding-base-url", "none"], &environment, &folder.path("up"));
    up.says("Diagent is ready.").await;
    let visitor = Visitor::init(
        &command_api,
        &format!("http://{site}"),
        json!({ "agent_id": demo::AGENT_ID }),
    )
    .await;
    visitor.ask("What is your refund policy?").await;
    let output = folder.path("output");
    let operator = Operator {
        environment: &environment,
        output: &output,
    };

    let built = operator.does("rebuild conversations").await;
    assert!(built.contains("version 3 has caught up"), "{built}");
    let again = operator.does("rebuild conversations --no-wait").await;
    assert!(
        again.contains("version 3 stands beside the live one already"),
        "{again}"
    );
    let verified: Value =
        serde_json::from_str(&operator.does("verify conversations --version 3 --json").await).expect("JSON");
    assert_eq!((&verified["same"], &verified["version"]), (&json!(true), &json!(3)));

    let promoted = operator.does("promote conversations").await;
    assert!(promoted.contains("readers see version 3"), "{promoted}");
    let refused = operator.fails("drop conversations 3").await;
    assert!(refused.contains("is live; promote another one first"), "{refused}");
    let back = operator.does("rollback conversations").await;
    assert!(back.contains("readers see version 2"), "{back}");
    operator.does("drop conversations 3").await;

    let paused = operator.does("pause conversations").await;
    assert!(
        paused.contains("go on with: diagent projections resume conversations"),
        "{paused}"
    );
    let listed = operator.rows().await;
    let row = listed
        .iter()
        .find(|row| row["projection"] == "conversations")
        .expect("a row");
    assert_eq!(
        (&row["state"], &row["version"], &row["live"]),
        (&json!("paused"), &json!(2), &json!(true))
    );
    operator.does("resume conversations").await;
    let unknown = operator.fails("verify orders").await;
    assert!(
        unknown.contains("there is no projection orders; there are conversations"),
        "{unknown}"
    );
    assert!(operator.does("dead-letters list").await.contains("there are none"));

    let status = up.terminate().await;
    assert!(status.success(), "{status}: {}", up.said());
}

/// Somebody at a terminal of their own.
struct Operator<'a> {
    environment: &'a [(&'a str, &'a str)],
    output: &'a Path,
}

impl Operator<'_> {
    /// What `diagent projections COMMAND` says when it works.
    async fn does(&self, command: &str) -> String {
        let (said, succeeded) = self.runs(command).await;
        assert!(succeeded, "{command}: {said}");
        said
    }

    /// What it says when it does not.
    async fn fails(&self, command: &str) -> String {
        let (said, succeeded) = self.runs(command).await;
        assert!(!succeeded, "{command}: {said}");
        said
    }

    async fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.does("list --json").await).expect("JSON")
    }

    async fn runs(&self, command: &str) -> (String, bool) {
        let arguments: Vec<&str> = ["projections"].into_iter().chain(command.split(' ')).collect();
        let mut process = Process::start(&arguments, self.environment, self.output);
        let status = process.ended().await;
        (process.said(), status.success())
    }
}
