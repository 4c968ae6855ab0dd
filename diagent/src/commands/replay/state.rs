//! How far an export is: a small file beside it, replaced after what it speaks of is on disk.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use read_api::replay::Filter;
use serde::{Deserialize, Serialize};

use super::Format;

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    format: Format,
    /// What was asked for: another question needs another export.
    filter: BTreeMap<String, String>,
    /// Up to where the log has been written.
    pub(super) cursor: Option<String>,
    pub(super) events: u64,
    /// The file's length; what stands behind it was not finished.
    pub(super) bytes: u64,
    /// The number of Parquet parts; those with a higher number were not finished.
    pub(super) parts: u64,
}

impl State {
    /// The state of a new export.
    pub(super) fn new(format: Format, filter: &Filter) -> Self {
        let filter = parameters(filter).into_iter().filter(|(name, _)| *name != "follow");
        Self {
            format,
            filter: filter.map(|(name, value)| (name.to_owned(), value)).collect(),
            cursor: None,
            events: 0,
            bytes: 0,
            parts: 0,
        }
    }

    /// Where the state of the export at `out` is kept.
    pub(super) fn file(out: &Path, format: Format) -> PathBuf {
        match format {
            // Readers of a folder of Parquet files leave out what begins with an underscore.
            Format::Parquet => out.join("_replay.json"),
            Format::Ndjson | Format::Csv => {
                let mut name = out.as_os_str().to_owned();
                name.push(".replay.json");
                name.into()
            }
        }
    }

    /// What an earlier run left in `file`, if there was one with the same question.
    pub(super) fn load(file: &Path, expected: &Self) -> anyhow::Result<Option<Self>> {
        let text = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let found: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} is not of a replay", file.display()))?;
        ensure!(
            found.format == expected.format && found.filter == expected.filter,
            "what is there was asked for with other filters or in another format ({}); give another --out, or --restart",
            file.display()
        );
        Ok(Some(found))
    }

    /// Replaces what `file` says, at once or not at all.
    pub(super) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let partial = file.with_extension("partial");
        let failed = || format!("cannot write {}", file.display());
        let mut written = File::create(&partial).with_context(failed)?;
        written
            .write_all(&serde_json::to_vec_pretty(self)?)
            .with_context(failed)?;
        written.sync_all().with_context(failed)?;
        fs::rename(&partial, file).with_context(failed)
    }
}

/// A filter as parameters of the API.
pub(super) fn parameters(filter: &Filter) -> BTreeMap<&'static str, String> {
    let given = [
        ("after", filter.after.clone()),
        ("from", filter.from.clone()),
        ("to", filter.to.clone()),
        ("as_of", filter.as_of.clone()),
        ("agent_id", filter.agent_id.map(|id| id.to_string())),
        ("type", filter.kind.clone()),
        ("follow", filter.follow.then(|| "true".to_owned())),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
