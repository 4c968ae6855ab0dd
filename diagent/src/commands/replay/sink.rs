//! Where an export goes: one file that grows, or a folder of Parquet parts. What is committed survives everything.

use std::{
    fs::{self, File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use super::{Format, csv, parquet::Parts, state::State};

/// Bytes of lines between two commits, which for Parquet are held in memory.
const COMMIT_BYTES: usize = 64 << 20;

/// The place that lines are written to.
pub(super) struct Sink {
    target: Target,
    /// Bytes of lines since the last commit.
    uncommitted: usize,
}

enum Target {
    File { file: File, path: PathBuf, is_csv: bool },
    Folder(Parts),
}

impl Sink {
    /// Whether something stands at `out` that is not ours.
    pub(super) fn is_taken(out: &Path, format: Format) -> anyhow::Result<bool> {
        match format {
            Format::Parquet if out.is_dir() => Ok(fs::read_dir(out)?.next().is_some()),
            _ => Ok(out.exists()),
        }
    }

    /// Opens `out` and takes away what `state` does not know.
    pub(super) fn open(out: &Path, format: Format, state: &State) -> anyhow::Result<Self> {
        let target = match format {
            Format::Parquet => Target::Folder(Parts::open(out, state.parts)?),
            Format::Ndjson | Format::Csv => open_file(out, format == Format::Csv, state.bytes)?,
        };
        Ok(Self { target, uncommitted: 0 })
    }

    /// Takes whole lines; answers how many.
    pub(super) fn write(&mut self, lines: &[u8]) -> anyhow::Result<u64> {
        self.uncommitted += lines.len();
        let count = lines.split(|byte| *byte == b'\n').count() - 1;
        match &mut self.target {
            Target::File { file, path, is_csv } => {
                let written = if *is_csv {
                    file.write_all(&csv::rows(lines)?)
                } else {
                    file.write_all(lines)
                };
                written.with_context(|| format!("cannot write {}", path.display()))?;
            }
            Target::Folder(parts) => parts.take(lines)?,
        }
        Ok(count as u64)
    }

    /// Whether it is time for a commit because of what has been taken.
    pub(super) const fn is_full(&self) -> bool {
        self.uncommitted >= COMMIT_BYTES
    }

    /// Whether a commit now and then is worth it: a part of a few seconds would be a small one.
    pub(super) const fn wants_commit(&self) -> bool {
        self.uncommitted > 0 && matches!(self.target, Target::File { .. })
    }

    /// Makes everything safe that was taken, and notes it in `state`.
    pub(super) fn commit(&mut self, state: &mut State) -> anyhow::Result<()> {
        match &mut self.target {
            Target::File { file, path, .. } => {
                file.sync_data()
                    .with_context(|| format!("cannot write {}", path.display()))?;
                state.bytes = file.stream_position()?;
            }
            Target::Folder(parts) => state.parts = parts.finish()?,
        }
        self.uncommitted = 0;
        Ok(())
    }
}

fn open_file(out: &Path, is_csv: bool, bytes: u64) -> anyhow::Result<Target> {
    let failed = || format!("cannot write {}", out.display());
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(out)
        .with_context(failed)?;
    ensure!(
        file.metadata()?.len() >= bytes,
        "{} is shorter than the last run left it; begin anew with --restart",
        out.display()
    );
    file.set_len(bytes).with_context(failed)?;
    file.seek(SeekFrom::End(0)).with_context(failed)?;
    if is_csv && bytes == 0 {
        file.write_all(csv::HEADER.as_bytes()).with_context(failed)?;
    }
    Ok(Target::File {
        file,
        path: out.to_owned(),
        is_csv,
    })
}
