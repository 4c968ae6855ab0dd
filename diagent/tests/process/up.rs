//! `diagent up` on a folder of its own.

use std::{fs, path::Path, process::Command};

use diagent::demo;
use serde_json::{Value, json};

use crate::support::{Folder, Process, Visitor, client, content, free_addresses, until};

#[tokio::test]
async fn up_answers_survives_kill_9_and_stops_cleanly() {
    let folder = Folder::new("up");
    let data = folder.path("data").to_string_lossy().into_owned();
    let [command_api, read_api, responder, projector, site] = free_addresses();
    let environment = [
        ("DIAGENT_DATA_DIR", data.as_str()),
        ("COMMAND_API_ADDR", &command_api),
        ("READ_API_ADDR", &read_api),
        ("RESPONDER_ADDR", &responder),
        ("PROJECTOR_ADDR", &projector),
        ("DEMO_ADDR", &site),
    ];
    // The tests' cache of server binaries: the network is not what is tested here.
    let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/../.diagent/cache");
    let environment: Vec<(&str, &str)> = environment.into_iter().chain([("DIAGENT_CACHE_DIR", cache)]).collect();
    let origin = format!("http://{site}");

    let mut up = Process::start(&[], &environment, &folder.path("first"));
    up.says("Diagent is ready.").await;
    assert!(up.said().contains(&origin), "it says where to chat: {}", up.said());
    let visitor = Visitor::init(&command_api, &origin, json!({ "agent_id": demo::AGENT_ID })).await;
    let lines = visitor.ask("What is your refund policy?").await;
    assert_eq!(lines.last().expect("a line")["event"], "done");
    let citations = lines
        .iter()
        .find(|line| line["event"] == "citations")
        .expect("citations");
    assert!(
        citations["citations"][0]["url"]
            .as_str()
            .expect("a URL")
            .starts_with(&origin),
        "{citations}"
    );

    embedded(&responder).await;
    let page = citations["citations"][0]["url"].as_str().unwrap_or_default();
    let questions = folder.path("questions.tsv");
    fs::write(&questions, questions_about(page)).expect("a file");
    let questions = questions.to_string_lossy().into_owned();
    let asked = ["eval", "--json", "--agent", demo::AGENT_ID, "--file", &questions];
    let mut eval = Process::start(&asked, &environment, &folder.path("eval"));
    assert!(eval.ended().await.success(), "{}", eval.said());
    let report: Value = serde_json::from_str(&eval.said()).expect("JSON");
    let figures = ["hit_at_3", "unanswerable_flagged"].map(|figure| report["summary"][figure].clone());
    assert_eq!(figures, [json!(1.0), json!(1.0)], "{report}");

    let mut second = Process::start(&["up"], &environment, &folder.path("second"));
    assert_eq!(second.ended().await.code(), Some(1));
    assert!(second.said().contains("is in use by process"), "{}", second.said());

    up.kill();
    stops_while_it_starts(&environment, &command_api, &folder).await;
    let mut again = Process::start(&["up"], &environment, &folder.path("again"));
    again.says("Diagent is ready.").await;
    let anonymous_id = &visitor.data["anonymous_id"];
    let back = Visitor::init(
        &command_api,
        &origin,
        json!({ "agent_id": demo::AGENT_ID, "anon_id": anonymous_id }),
    )
    .await;
    assert_eq!(
        back.data["conversation_id"], visitor.data["conversation_id"],
        "the conversation goes on"
    );
    assert_eq!(
        back.data["messages"][1]["content"],
        content(&lines),
        "what was answered is there"
    );

    let status = again.terminate().await;
    assert!(status.success(), "{status}: {}", again.said());
    assert_eq!(left_running(&data), Vec::<String>::new(), "nothing is left running");
}

/// A signal in the middle of loading the demo is heard, and whoever runs by then is drained.
async fn stops_while_it_starts(environment: &[(&str, &str)], command_api: &str, folder: &Folder) {
    let mut early = Process::start(&["up"], environment, &folder.path("early"));
    until("it answers", async || {
        let ready = client().get(format!("http://{command_api}/readyz")).send().await;
        ready.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    let status = early.terminate().await;
    assert!(status.success(), "{status}: {}", early.said());
    assert!(
        !early.said().contains("was not finished"),
        "it waits for nobody: {}",
        early.said()
    );
}

/// Waits until the demo's pages have vectors: the model is fetched and read behind everything else.
async fn embedded(responder: &str) {
    until("the demo's pages are embedded", async || {
        let figures = client().get(format!("http://{responder}/metrics")).send().await;
        let figures = figures.expect("figures").text().await.expect("a text");
        figures.contains("responder_passages_embedded_total")
    })
    .await;
}

/// Questions that `page` answers, one of them in other words, and one that nobody answers.
fn questions_about(page: &str) -> String {
    let page = page.split('#').next().unwrap_or_default();
    format!(
        "What is your refund policy?\t{page}\nCan I get my money back?\t{page}\nWhich quantum lectures do penguins attend?\n"
    )
}

/// Command lines of processes that work on this folder.
fn left_running(folder: &str) -> Vec<String> {
    let works_there = |line: &String| line.contains(folder);
    command_lines().into_iter().filter(works_there).collect()
}

/// Of all processes: from Linux itself, since a small installation has no `ps`.
fn command_lines() -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', " ");
    if Path::new("/proc/self/cmdline").exists() {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        // One that has ended meanwhile has none.
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        return lines.map(|line| text(&line)).collect();
    }
    let output = Command::new("ps").args(["-eo", "args="]).output().expect("ps");
    text(&output.stdout).lines().map(str::to_owned).collect()
}
