//! One order of passages that were found by meaning and by words.
//!
//! Meaning leads, so that nothing is lost that it found; words decide between what is equally close, and bring what says the
//! question's very words. Whether a passage can be trusted is told by its cosine, where it is known which cosines of the model
//! mean something: those of answerable and off-topic questions lie apart, while their ranks by words overlap. Otherwise a
//! passage is trusted that covers at least half of the question's weight.

use std::collections::HashMap;

use super::{
    Passage,
    find::{Candidate, Candidates},
};

/// Passages that an answer may stand on.
const PASSAGES_MAX: usize = 6;
const PASSAGES_PER_PAGE: usize = 2;

/// What the share of the question that a passage covers adds to its rank by words.
const COVERAGE_WEIGHT: f64 = 0.1;

/// What the passages of the page that the visitor is on have ahead of others.
const PAGE_BONUS: f64 = 0.03;

/// The share of the question's weight that a passage must cover to be trusted for its words.
const CONFIDENT_COVERAGE: f64 = 0.5;

/// Passages below this share, or this part of the cosine that is trusted, are not worth reading.
const USEFUL_COVERAGE: f64 = 0.25;
const USEFUL_COSINE: f64 = 0.7;

/// How much closer a passage must be to be trusted when the question has a word that the site does not know: a site that rents
/// tents is close to the rent of bicycles.
const UNKNOWN_WORD_COSINE: f64 = 0.1;

/// The useful ones of what was found, best first, and not all from one page. From `confident_cosine` on a passage is trusted.
pub(super) fn best(found: Candidates, page_url: Option<&str>, confident_cosine: Option<f64>) -> Vec<Passage> {
    let page = page_url.map(without_place);
    let margin = if found.has_unknown { UNKNOWN_WORD_COSINE } else { 0.0 };
    let trusted_cosine = confident_cosine.map(|cosine| cosine + margin);
    let candidates = found.passages;
    let is_by_words = candidates.iter().all(|candidate| candidate.cosine.is_none());
    let mut scored: Vec<(f64, Candidate)> = candidates
        .into_iter()
        .filter(|candidate| is_useful(candidate, confident_cosine))
        .map(|candidate| {
            let is_here = page == Some(without_place(&candidate.url));
            let bonus = if is_here { PAGE_BONUS } else { 0.0 };
            (score(&candidate, is_by_words) + bonus, candidate)
        })
        .collect();
    // Stable: what is equally good stays in the order of the site.
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let mut per_page: HashMap<String, usize> = HashMap::new();
    scored.retain(|(_, candidate)| {
        let taken = per_page.entry(candidate.url.clone()).or_default();
        *taken += 1;
        *taken <= PASSAGES_PER_PAGE
    });
    let best = scored.into_iter().take(PASSAGES_MAX);
    best.map(|(_, candidate)| passage(candidate, trusted_cosine)).collect()
}

fn score(candidate: &Candidate, is_by_words: bool) -> f64 {
    match candidate.cosine {
        Some(cosine) => cosine + candidate.words,
        None if is_by_words => candidate.words + COVERAGE_WEIGHT * candidate.coverage,
        // Not embedded yet, among others that are: as close as it could well be that says so much of the question.
        None => candidate.coverage / 2.0 + candidate.words,
    }
}

fn is_confident(candidate: &Candidate, trusted_cosine: Option<f64>) -> bool {
    match (candidate.cosine, trusted_cosine) {
        (Some(cosine), Some(trusted)) => cosine >= trusted,
        _ => candidate.coverage >= CONFIDENT_COVERAGE,
    }
}

fn is_useful(candidate: &Candidate, confident_cosine: Option<f64>) -> bool {
    let is_close = match (candidate.cosine, confident_cosine) {
        (Some(cosine), Some(confident)) => cosine >= confident * USEFUL_COSINE,
        // What the cosines of this model mean is not known.
        (Some(_), None) => true,
        (None, _) => false,
    };
    is_close || candidate.coverage >= USEFUL_COVERAGE
}

fn passage(candidate: Candidate, trusted_cosine: Option<f64>) -> Passage {
    Passage {
        relevance: candidate.cosine.unwrap_or(candidate.coverage),
        is_confident: is_confident(&candidate, trusted_cosine),
        url: candidate.url,
        title: candidate.title,
        heading: candidate.heading,
        anchor: candidate.anchor,
        content: candidate.content,
    }
}

/// A page's address without what only says where on it.
fn without_place(url: &str) -> &str {
    let url = url.split(['#', '?']).next().unwrap_or_default();
    url.strip_suffix('/').unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_does_not_take_all_places() {
        let mut candidates: Vec<Candidate> = (0..5).map(|_| candidate("/a", None, 0.9)).collect();
        candidates.push(candidate("/b", None, 0.6));
        candidates.push(candidate("/c", None, 0.1));
        assert_eq!(urls(candidates, None), ["/a", "/a", "/b"]);
    }

    #[test]
    fn words_decide_between_what_is_equally_close() {
        let candidates = vec![
            candidate("/a", Some(0.50), 0.0),
            candidate("/b", Some(0.48), 0.6),
            candidate("/c", Some(0.90), 0.0),
            candidate("/off", Some(0.1), 0.0),
        ];
        assert_eq!(urls(candidates, None), ["/c", "/b", "/a"]);
    }

    #[test]
    fn the_page_that_the_visitor_is_on_counts_a_little() {
        let candidates = || {
            vec![
                candidate("https://x.example/a", Some(0.50), 0.0),
                candidate("https://x.example/b", Some(0.49), 0.0),
                candidate("https://x.example/c", Some(0.70), 0.0),
            ]
        };
        assert_eq!(urls(candidates(), None)[1], "https://x.example/a");
        let page = "https://x.example/b/?from=mail#top";
        assert_eq!(
            urls(candidates(), Some(page))[..2],
            ["https://x.example/c", "https://x.example/b"]
        );
    }

    #[test]
    fn a_cosine_is_trusted_where_it_is_known_what_it_means() {
        let trusted = |cosine, coverage, confident| is_confident(&candidate("/a", cosine, coverage), confident);
        assert!(trusted(Some(0.4), 0.0, Some(0.3)));
        assert!(
            !trusted(Some(0.2), 0.9, Some(0.3)),
            "the words are there, but not their meaning"
        );
        assert!(trusted(Some(0.2), 0.9, None), "of an unknown model");
        assert!(
            trusted(None, 0.5, Some(0.3)) && !trusted(None, 0.4, Some(0.3)),
            "not embedded yet"
        );
    }

    #[test]
    fn with_a_word_that_the_site_does_not_know_a_passage_must_be_closer() {
        let trusted = |cosine, has_unknown| {
            let candidates = vec![candidate("/a", Some(cosine), 0.5)];
            best(found(candidates, has_unknown), None, Some(0.3))[0].is_confident
        };
        assert!(trusted(0.36, false));
        assert!(!trusted(0.36, true), "renting tents is close to renting bicycles");
        assert!(trusted(0.42, true), "what is close enough needs no words");
    }

    fn urls(candidates: Vec<Candidate>, page_url: Option<&str>) -> Vec<String> {
        let best = best(found(candidates, false), page_url, Some(0.3));
        best.into_iter().map(|passage| passage.url).collect()
    }

    fn found(passages: Vec<Candidate>, has_unknown: bool) -> Candidates {
        Candidates {
            passages,
            has_unknown,
            ..Candidates::default()
        }
    }

    fn candidate(url: &str, cosine: Option<f64>, coverage: f64) -> Candidate {
        Candidate {
            url: url.to_owned(),
            title: String::new(),
            heading: String::new(),
            anchor: String::new(),
            content: String::new(),
            cosine,
            coverage,
            words: coverage / 10.0,
        }
    }
}
