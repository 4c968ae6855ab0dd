//! What a crawl did, in numbers; what failed, by name.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::visit::{Outcome, Visit};
use crate::print;

/// Failures that are shown to people; scripts get all.
const FAILURES_SHOWN: usize = 20;

/// Counts by outcome.
#[derive(Debug, Default)]
pub(super) struct Summary {
    new: usize,
    changed: usize,
    same: usize,
    removed: usize,
    skipped: BTreeMap<&'static str, usize>,
    failed: Vec<(String, String)>,
}

impl Summary {
    pub(super) fn count(&mut self, visit: &Visit) {
        match &visit.outcome {
            Outcome::New => self.new += 1,
            Outcome::Changed => self.changed += 1,
            Outcome::Same => self.same += 1,
            Outcome::Removed => self.removed += 1,
            Outcome::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Outcome::Failed(reason) => self.failed.push((visit.url.to_string(), reason.clone())),
        }
    }

    /// For scripts; `left_out` pages were beyond the limit.
    pub(super) fn json(&self, left_out: usize, took: Duration, knowledge: &Value) -> Value {
        let failed: Vec<Value> = self
            .failed
            .iter()
            .map(|(url, reason)| json!({ "url": url, "reason": reason }))
            .collect();
        json!({
            "new": self.new, "changed": self.changed, "same": self.same, "removed": self.removed,
            "skipped": self.skipped, "failed": failed, "left_out": left_out, "seconds": took.as_secs_f64(), "knowledge": knowledge,
        })
    }

    /// For people.
    pub(super) fn print(&self, left_out: usize, took: Duration) {
        let Self {
            new,
            changed,
            same,
            removed,
            skipped,
            failed,
        } = self;
        let seconds = took.as_secs_f64();
        print::line(format!(
            "{new} new, {changed} changed, {same} the same, {removed} removed, {} failed in {seconds:.1} s",
            failed.len()
        ));
        for (reason, count) in skipped {
            print::line(format!("  {count} left out: {reason}"));
        }
        for (url, reason) in failed.iter().take(FAILURES_SHOWN) {
            print::line(format!("  {url}: {reason}"));
        }
        if failed.len() > FAILURES_SHOWN {
            print::line(format!(
                "  and {} more; --json lists all",
                failed.len() - FAILURES_SHOWN
            ));
        }
        if left_out > 0 {
            print::line(format!("  {left_out} left out: raise --max-pages to reach them"));
        }
    }
}
