//! `diagent replay` to files: killed in the middle and gone on with, while the log is written.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use embedded::testing::{self, TestNats};
use events::{Log, VisitorId};
use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::RowAccessor as _,
};
use serde_json::Value;

use crate::{
    read_models::{Load, connect, visit},
    support::{Folder, Process, until},
};

struct Scene {
    nats: TestNats,
    log: Log,
    folder: Folder,
}

impl Scene {
    async fn start(name: &str) -> Self {
        let nats = testing::nats().await;
        Self {
            log: connect(nats.url()).await,
            nats,
            folder: Folder::new(name),
        }
    }

    fn replay(&self, arguments: &[&str]) -> Process {
        let arguments = [&["replay"], arguments].concat();
        Process::start(&arguments, &[("NATS_URL", self.nats.url())], &self.folder.path("said"))
    }

    /// Runs it to its end; answers whether it succeeded, and what it said.
    async fn replayed(&self, arguments: &[&str]) -> (bool, String) {
        let mut process = self.replay(arguments);
        (process.ended().await.success(), process.said())
    }

    /// The positions of all that the log holds.
    async fn whole_log(&self) -> BTreeSet<String> {
        let (is_done, lines) = self.replayed(&[]).await;
        assert!(is_done, "{lines}");
        once(lines.lines().map(position))
    }

    async fn visits(&self, count: usize) {
        for _ in 0..count {
            visit(&self.log, VisitorId::generate()).await.expect("written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_export_goes_on_without_a_loss_or_a_double_while_the_log_is_written() {
    for format in ["ndjson", "csv"] {
        let scene = Scene::start(&format!("export-{format}")).await;
        let out = scene.folder.path("log");
        let out_text = out.to_str().expect("UTF-8");
        let arguments = ["--format", format, "--out", out_text];
        let load = Load::default();
        let killed = async {
            let mut process = scene.replay(&[&arguments[..], &["--follow"]].concat());
            until("there is more than what was made safe", async || {
                let (events, bytes) = safe(&scene.folder.path("log.replay.json"));
                events > 0 && fs::metadata(&out).is_ok_and(|file| file.len() > bytes)
            })
            .await;
            process.kill();
            load.end();
        };
        tokio::join!(killed, load.run(&scene.log));

        let (is_done, said) = scene.replayed(&arguments).await;
        assert!(is_done, "{said}");

        let text = fs::read_to_string(&out).expect("the export");
        let exported = match format {
            "csv" => once(
                text.lines()
                    .skip(1)
                    .map(|row| row.split(',').next().expect("a cell").to_owned()),
            ),
            _ => once(text.lines().map(position)),
        };
        assert_eq!(exported, scene.whole_log().await, "{format}");
        let (is_done, said) = scene
            .replayed(&[&arguments[..], &["--type", "diagent.lead.*"]].concat())
            .await;
        assert!(!is_done && said.contains("other filters"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_parts_that_a_killed_run_left_do_not_count_twice() {
    let scene = Scene::start("export-parquet").await;
    let out = scene.folder.path("log");
    let arguments = ["--format", "parquet", "--out", out.to_str().expect("UTF-8")];
    scene.visits(5).await;
    let (is_done, said) = scene.replayed(&arguments).await;
    assert!(is_done, "{said}");
    let parts = parts(&out);
    assert_eq!(parts.len(), 4, "one for each type: {parts:?}");
    for part in &parts {
        // Renamed, but the state was not written any more; and half written.
        fs::copy(part, part.with_file_name("part-00001.parquet")).expect("copied");
        fs::write(part.with_file_name("part-00001.partial"), "PAR1").expect("written");
    }
    scene.visits(5).await;

    let (is_done, said) = scene.replayed(&arguments).await;

    assert!(is_done && said.contains("65 events"), "{said}");
    let exported = once(self::parts(&out).iter().flat_map(|part| rows(part)));
    assert_eq!(exported, scene.whole_log().await);
    let clicks = self::parts(&out)
        .into_iter()
        .find(|part| part.to_string_lossy().contains("type=diagent.telemetry.recorded/"))
        .expect("clicks");
    let file = SerializedFileReader::new(File::open(clicks).expect("a file")).expect("Parquet");
    let schema = file.metadata().file_metadata().schema_descr().root_schema().clone();
    let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    for name in ["time", "agentid", "event", "page_url", "metadata", "at"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

/// How many events and bytes an export has made safe.
fn safe(state: &Path) -> (u64, u64) {
    let text = fs::read(state).unwrap_or_default();
    let state: Value = serde_json::from_slice(&text).unwrap_or_default();
    (
        state["events"].as_u64().unwrap_or(0),
        state["bytes"].as_u64().unwrap_or(0),
    )
}

fn position(line: &str) -> String {
    let event: Value = serde_json::from_str(line).expect("JSON");
    event["position"].as_str().expect("a position").to_owned()
}

/// The set of these, none of which may come twice.
fn once(positions: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    for position in positions {
        assert!(set.insert(position.clone()), "{position} comes twice");
    }
    set
}

/// All files of an export.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let days = list(folder).into_iter().filter(|path| path.is_dir());
    days.flat_map(|day| list(&day)).flat_map(|kind| list(&kind)).collect()
}

/// The positions in one file.
fn rows(part: &Path) -> Vec<String> {
    let file = SerializedFileReader::new(File::open(part).expect("a file")).expect("Parquet");
    let rows = file.get_row_iter(None).expect("rows");
    rows.map(|row| row.expect("a row").get_string(0).expect("a position").clone())
        .collect()
}
