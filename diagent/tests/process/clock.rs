//! The machine's clock is set while visitors talk: forward, back, and by days. NATS keeps its own time; the roles and PostgreSQL
//! are told another one by libfaketime (Debian: `faketime`). Without it there is nothing to see, and the test says so.

use std::{cmp::Ordering, fs, path::PathBuf};

use diagent::demo;
use events::ConversationId;
use serde_json::json;

use crate::support::{Folder, Process, Visitor, free_addresses, until};

#[tokio::test]
#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests should know what was not seen"
)]
async fn visitors_are_answered_whatever_the_clock_says_and_read_models_stay_what_the_log_says() {
    let Some(library) = library() else {
        eprintln!("skipped: libfaketime is not there (Debian: apt-get install faketime)");
        return;
    };
    let library = library.to_string_lossy();
    let folder = Folder::new("clock");
    let (data, clock) = (folder.path("data"), folder.path("clock"));
    let [command_api, read_api, responder, projector, site] = free_addresses();
    let (data, clock_file) = (data.to_string_lossy(), clock.to_string_lossy());
    let environment = [
        ("DIAGENT_DATA_DIR", data.as_ref()),
        (
            "DIAGENT_CACHE_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.diagent/cache"),
        ),
        ("COMMAND_API_ADDR", &command_api),
        ("READ_API_ADDR", &read_api),
        ("RESPONDER_ADDR", &responder),
        ("PROJECTOR_ADDR", &projector),
        ("DEMO_ADDR", &site),
    ];
    let faked = [
        ("LD_PRELOAD", library.as_ref()),
        ("FAKETIME_TIMESTAMP_FILE", clock_file.as_ref()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let faked: Vec<_> = environment.iter().copied().chain(faked).collect();
    let set = |time: &str| fs::write(&clock, format!("{time}\n")).expect("a file");
    set("+0");
    let mut up = Process::start(&[], &faked, &folder.path("up"));
    up.says("Diagent is ready.").await;
    let origin = format!("http://{site}");

    let begun = ConversationId::generate().to_string();
    for (time, order) in [
        ("+20m", Ordering::Greater),
        ("-2h", Ordering::Less),
        ("+0", Ordering::Greater),
        ("+3d", Ordering::Greater),
        ("-2h", Ordering::Less),
    ] {
        set(time);
        let visitor = Visitor::init(&command_api, &origin, json!({ "agent_id": demo::AGENT_ID })).await;
        let lines = visitor.ask("What is your refund policy?").await;
        assert_eq!(lines.last().expect("a line")["event"], "done", "at {time}");
        let conversation_id = visitor.data["conversation_id"].as_str().expect("an id");
        assert_eq!(conversation_id.cmp(&begun), order, "an id begins with its time, {time}");
    }

    for projection in ["conversations", "telemetry", "usage", "gaps"] {
        until("it is what the log says", async || {
            let verify = ["projections", "verify", projection];
            let mut verify = Process::start(&verify, &environment, &folder.path(projection));
            verify.ended().await.success()
        })
        .await;
    }
    assert!(up.terminate().await.success(), "{}", up.said());
}

/// Where Debian has it, on any architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let libraries = folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|library| library.exists())
}
