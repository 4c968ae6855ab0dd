//! What a run comes to, and how two runs differ.

use std::{collections::HashMap, time::Duration};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::{Deserialize, Serialize};

use crate::print;

/// One run; what `--json` prints and `--compare` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) summary: Summary,
    pub(super) questions: Vec<Outcome>,
    /// Pages that questions expect and the agent does not know.
    #[serde(default)]
    pub(super) unknown_pages: Vec<String>,
}

/// The figures of a run. A share is from 0 to 1, and none where there is nothing to divide by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) answerable: usize,
    pub(super) unanswerable: usize,
    /// Answerable questions whose first page is right.
    pub(super) hit_at_1: Option<f64>,
    /// Answerable questions with a right page among the first three.
    pub(super) hit_at_3: Option<f64>,
    /// Unanswerable questions that are flagged with `low_confidence`: should be all.
    pub(super) unanswerable_flagged: Option<f64>,
    /// Answerable questions that are: should be none.
    pub(super) answerable_flagged: Option<f64>,
    pub(super) latency_ms_p50: f64,
    pub(super) latency_ms_p99: f64,
}

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) question: String,
    pub(super) answerable: bool,
    /// The place of the first right page, from 1.
    pub(super) rank: Option<usize>,
    pub(super) low_confidence: bool,
    pub(super) latency_ms: f64,
    /// The first three pages that were found.
    pub(super) pages: Vec<String>,
}

impl Outcome {
    /// Whether a visitor is served badly: no right page among three, or confidence where there should be none.
    fn is_bad(&self) -> bool {
        if self.answerable {
            self.low_confidence || self.rank.is_none_or(|rank| rank > 3)
        } else {
            !self.low_confidence
        }
    }

    fn verdict(&self) -> String {
        let flag = if self.low_confidence { ", flagged" } else { "" };
        match self.rank {
            _ if !self.answerable && self.low_confidence => "left open".to_owned(),
            _ if !self.answerable => "answered".to_owned(),
            Some(rank) => format!("at {rank}{flag}"),
            None => format!("not found{flag}"),
        }
    }
}

impl Report {
    pub(super) fn of(questions: Vec<Outcome>) -> Self {
        let (answerable, unanswerable): (Vec<&Outcome>, Vec<&Outcome>) =
            questions.iter().partition(|outcome| outcome.answerable);
        let within = |rank: usize| move |outcome: &&Outcome| outcome.rank.is_some_and(|found| found <= rank);
        let mut latencies: Vec<f64> = questions.iter().map(|outcome| outcome.latency_ms).collect();
        latencies.sort_by(f64::total_cmp);
        let summary = Summary {
            answerable: answerable.len(),
            unanswerable: unanswerable.len(),
            hit_at_1: share(&answerable, within(1)),
            hit_at_3: share(&answerable, within(3)),
            unanswerable_flagged: share(&unanswerable, |outcome| outcome.low_confidence),
            answerable_flagged: share(&answerable, |outcome| outcome.low_confidence),
            latency_ms_p50: percentile(&latencies, 50),
            latency_ms_p99: percentile(&latencies, 99),
        };
        Self {
            summary,
            questions,
            unknown_pages: Vec::new(),
        }
    }

    /// Prints the figures beside those of `before`, then the questions that went wrong or went otherwise.
    pub(super) fn show(&self, before: Option<&Self>) {
        print::line(table(&self.summary, before.map(|report| &report.summary)).to_string());
        for page in &self.unknown_pages {
            print::line(format!(
                "The agent does not know the page {page}, which questions expect."
            ));
        }
        match before {
            None => {
                let bad: Vec<&Outcome> = self.questions.iter().filter(|outcome| outcome.is_bad()).collect();
                if !bad.is_empty() {
                    print::line("\nWhat went wrong:");
                }
                for outcome in bad {
                    print::line(format!("  {}: {}", outcome.question, outcome.verdict()));
                }
            }
            Some(before) => {
                for line in self.other_count(before).into_iter().chain(self.changes(before)) {
                    print::line(line);
                }
            }
        }
    }

    /// What to know before figures are compared: shares of other questions are other figures.
    fn other_count(&self, before: &Self) -> Option<String> {
        let (now, before) = (self.questions.len(), before.questions.len());
        (now != before)
            .then(|| format!("The runs are over different numbers of questions: {now} now, {before} before."))
    }

    /// Questions that went otherwise in `before`.
    fn changes(&self, before: &Self) -> Vec<String> {
        let verdicts: HashMap<&str, String> = before
            .questions
            .iter()
            .map(|outcome| (outcome.question.as_str(), outcome.verdict()))
            .collect();
        self.questions
            .iter()
            .filter_map(|outcome| {
                let (was, is) = (verdicts.get(outcome.question.as_str())?, outcome.verdict());
                (*was != is).then(|| format!("  {}: {was} -> {is}", outcome.question))
            })
            .collect()
    }
}

/// A line of the table: what it is called, its figure, and how that is written.
type Row = (&'static str, fn(&Summary) -> Option<f64>, fn(f64) -> String);

/// What stands where there is no figure.
const NONE: &str = "–";

fn table(now: &Summary, before: Option<&Summary>) -> Table {
    let percent: fn(f64) -> String = |share| format!("{:.1} %", share * 100.0);
    let millis: fn(f64) -> String = |millis| format!("{millis:.1} ms");
    // Older runs wrote 0 where there was nothing to divide by.
    let rows: [Row; 6] = [
        ("right page first", |s| s.hit_at_1.filter(|_| s.answerable > 0), percent),
        (
            "right page among three",
            |s| s.hit_at_3.filter(|_| s.answerable > 0),
            percent,
        ),
        (
            "unanswerable flagged",
            |s| s.unanswerable_flagged.filter(|_| s.unanswerable > 0),
            percent,
        ),
        (
            "answerable flagged",
            |s| s.answerable_flagged.filter(|_| s.answerable > 0),
            percent,
        ),
        ("latency p50", |s| Some(s.latency_ms_p50), millis),
        ("latency p99", |s| Some(s.latency_ms_p99), millis),
    ];
    let mut table = Table::new();
    let header = format!("{} answerable, {} not", now.answerable, now.unanswerable);
    let mut titles = vec![header, "NOW".to_owned()];
    titles.extend(before.map(|_| "BEFORE".to_owned()));
    table.load_style(NOTHING).set_header(titles);
    for (name, figure, format) in rows {
        let written = |summary: &Summary| figure(summary).map_or_else(|| NONE.to_owned(), format);
        let mut cells = vec![name.to_owned(), written(now)];
        cells.extend(before.map(written));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn share(outcomes: &[&Outcome], holds: impl Fn(&&Outcome) -> bool) -> Option<f64> {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let holding = outcomes.iter().filter(|outcome| holds(outcome)).count();
    (!outcomes.is_empty()).then(|| count(holding) / count(outcomes.len()))
}

/// Of ascending values, the one that `percent` of them do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_count_only_what_can_be_answered() {
        let report = Report::of(vec![
            outcome("a", Some(1), false),
            outcome("b", Some(3), true),
            outcome("c", None, false),
            outcome("d", Some(4), false),
            Outcome {
                answerable: false,
                ..outcome("e", None, true)
            },
            Outcome {
                answerable: false,
                ..outcome("f", None, false)
            },
        ]);
        let summary = &report.summary;
        assert_eq!((summary.answerable, summary.unanswerable), (4, 2));
        let shares = [
            summary.hit_at_1,
            summary.hit_at_3,
            summary.unanswerable_flagged,
            summary.answerable_flagged,
        ];
        assert!(
            shares
                .iter()
                .zip([0.25, 0.5, 0.5, 0.25])
                .all(|(is, should)| is.is_some_and(|is| (is - should).abs() < 1e-9)),
            "{shares:?}"
        );
        let bad: Vec<&str> = report
            .questions
            .iter()
            .filter(|outcome| outcome.is_bad())
            .map(|outcome| outcome.question.as_str())
            .collect();
        assert_eq!(bad, ["b", "c", "d", "f"]);
    }

    #[test]
    fn two_runs_differ_where_a_question_went_otherwise() {
        let before = Report::of(vec![
            outcome("a", Some(1), false),
            outcome("b", None, true),
            outcome("gone", None, false),
        ]);
        let now = Report::of(vec![
            outcome("a", Some(1), false),
            outcome("b", Some(2), false),
            outcome("new", None, false),
        ]);
        assert_eq!(now.changes(&before), ["  b: not found, flagged -> at 2"]);
        let written = serde_json::to_string(&now).expect("JSON");
        assert_eq!(serde_json::from_str::<Report>(&written).expect("a report"), now);
    }

    #[test]
    fn there_is_no_share_of_nothing() {
        let report = Report::of(vec![outcome("a", Some(1), false)]);
        assert_eq!(report.summary.unanswerable_flagged, None);
        let old = r#"{ "answerable": 0, "unanswerable": 1, "hit_at_1": 0.0, "hit_at_3": 0.0, "unanswerable_flagged": 1.0,
            "answerable_flagged": 0.0, "latency_ms_p50": 1.0, "latency_ms_p99": 1.0 }"#;
        let old: Summary = serde_json::from_str(old).expect("a summary");
        let shown = table(&report.summary, Some(&old)).to_string();
        let line = |name: &str| {
            let line = shown.lines().find(|line| line.contains(name)).unwrap_or_default();
            line.replace(name, "").split_whitespace().collect::<String>()
        };
        assert_eq!(line("right page first"), "100.0%–");
        assert_eq!(line("unanswerable flagged"), "–100.0%");
        let written = serde_json::to_value(&report).expect("JSON");
        assert!(written["summary"]["unanswerable_flagged"].is_null(), "{written}");
    }

    #[test]
    fn other_questions_are_said() {
        let run = |count: usize| Report::of(vec![outcome("a", None, false); count]);
        assert_eq!(run(2).other_count(&run(2)), None);
        let said = run(2).other_count(&run(3)).expect("a line");
        assert!(said.contains("2 now, 3 before"), "{said}");
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        assert!((percentile(&[1.0, 2.0, 3.0], 50) - 2.0).abs() < 1e-9);
        assert!((percentile(&[1.0, 2.0, 3.0], 99) - 3.0).abs() < 1e-9);
        assert!(percentile(&[], 99).abs() < 1e-9);
    }

    fn outcome(question: &str, rank: Option<usize>, low_confidence: bool) -> Outcome {
        Outcome {
            question: question.to_owned(),
            answerable: true,
            rank,
            low_confidence,
            latency_ms: 1.0,
            pages: Vec::new(),
        }
    }
}
