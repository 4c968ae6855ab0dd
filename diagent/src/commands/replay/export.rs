//! An export to files: it says how far it is, survives being killed, and goes on where it ended.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use indicatif::HumanCount;
use read_api::replay::Filter;

use super::{Format, sink::Sink, source::Source, state::State};
use crate::{commands::bar, print};

/// What was written is made safe at least so often.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// An export under way.
pub(super) struct Export {
    out: PathBuf,
    file: PathBuf,
    state: State,
    sink: Sink,
}

impl Export {
    /// Finds what an earlier run left at `out`, and takes away what that run did not finish.
    pub(super) fn open(out: &Path, format: Format, filter: &Filter, restart: bool) -> anyhow::Result<Self> {
        let file = State::file(out, format);
        let new = State::new(format, filter);
        let found = if restart { None } else { State::load(&file, &new)? };
        if found.is_none() && !restart && Sink::is_taken(out, format)? {
            bail!(
                "{} is not of an earlier replay; give another --out, or --restart",
                out.display()
            );
        }
        let state = found.unwrap_or(new);
        let sink = Sink::open(out, format, &state)?;
        state.save(&file)?;
        Ok(Self {
            out: out.to_owned(),
            file,
            state,
            sink,
        })
    }

    /// `filter` without what has been written.
    pub(super) fn rest(&self, filter: &Filter) -> Filter {
        let mut rest = filter.clone();
        if let Some(cursor) = &self.state.cursor {
            rest.after = Some(cursor.clone());
        }
        rest
    }

    /// Writes until the log ends, or until Ctrl-C.
    pub(super) async fn run(mut self, mut source: Source) -> anyhow::Result<()> {
        let (beginning, end) = source.bounds();
        let (beginning, length) = (beginning.sum(), end.sum().saturating_sub(beginning.sum()));
        // By sequences: with a filter there are fewer events than that.
        let bar = bar::bar("{wide_bar} {percent}% of the log  {msg} events  {rate}  {eta} left");
        bar.set_length(length);
        let (started, had) = (Instant::now(), self.state.events);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        let mut commits = tokio::time::interval(COMMIT_EVERY);
        let mut lines = BytesMut::new();
        loop {
            let has_more = tokio::select! {
                has_more = source.read(&mut lines) => has_more?,
                _ = &mut interrupted => false,
                _ = commits.tick() => {
                    if self.sink.wants_commit() {
                        self.commit(&source)?;
                    }
                    continue;
                }
            };
            if !has_more {
                break;
            }
            self.state.events += self.sink.write(&lines)?;
            lines.clear();
            if self.sink.is_full() {
                self.commit(&source)?;
            }
            bar.set_position(source.cursor().sum().saturating_sub(beginning));
            bar.set_message(HumanCount(self.state.events).to_string());
        }
        self.commit(&source)?;
        bar.finish_and_clear();
        self.report(self.state.events - had, started.elapsed());
        Ok(())
    }

    fn commit(&mut self, source: &Source) -> anyhow::Result<()> {
        self.sink.commit(&mut self.state)?;
        self.state.cursor = Some(source.cursor().to_string());
        self.state
            .save(&self.file)
            .context("the export cannot be continued later")
    }

    fn report(&self, new: u64, took: Duration) {
        let rate = u128::from(new) * 1_000 / took.as_millis().max(1);
        print::line(format!(
            "{} events written to {} in {:.1} s ({} events/s), {} in all; the same command adds what comes",
            HumanCount(new),
            self.out.display(),
            took.as_secs_f64(),
            HumanCount(u64::try_from(rate).unwrap_or(u64::MAX)),
            HumanCount(self.state.events),
        ));
    }
}
