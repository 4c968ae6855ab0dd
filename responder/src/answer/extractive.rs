//! Answers without a model: the sentences of the site's own pages that answer, in their order, with where they stand.

use std::collections::HashMap;

use events::conversation::Citation;

use crate::retrieve::{Passage, Retrieved};

/// Pages that one answer quotes.
const PASSAGES_MAX: usize = 3;
const SENTENCES_PER_PASSAGE: usize = 3;

/// Sentences of one answer, over all its pages: a chat is not a page to read.
const SENTENCES_MAX: usize = 4;

/// A sentence this much worse than the passage's best says something else.
const WORTH_SAYING: f64 = 0.5;

/// A sentence with this many tenths of its words said before says nothing new.
const REPEATED_TENTHS: usize = 7;

/// A heading that has this share of the question's weight asks the question.
const ASKING_HEADING: f64 = 0.6;

/// A heading that asks the question makes what follows it the answer.
const HEADING_WEIGHT: f64 = 0.5;

/// Words from which on a line without an end may be more than a label.
const LABEL_WORDS: usize = 5;

/// An answer and what it stands on.
#[derive(Debug, PartialEq)]
pub(super) struct Composed {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
}

/// The answer that the passages give; none when no passage can be trusted.
pub(super) fn compose(retrieved: &Retrieved) -> Option<Composed> {
    let mut text = String::new();
    let mut citations: Vec<Citation> = Vec::new();
    let relevances = retrieved.passages.iter().map(|passage| passage.relevance);
    let best = relevances.fold(0.0, f64::max);
    let trusted = retrieved
        .passages
        .iter()
        .filter(|passage| passage.is_confident && passage.relevance >= best * 0.8);
    let mut left = SENTENCES_MAX;
    for passage in trusted.take(PASSAGES_MAX) {
        let sentences = pick(passage, &retrieved.lexemes);
        let said: Vec<String> = sentences
            .into_iter()
            .filter(|sentence| !is_said(&text, sentence))
            .take(left)
            .collect();
        if said.is_empty() {
            continue;
        }
        left -= said.len();
        let id = u32::try_from(citations.len() + 1).unwrap_or(u32::MAX);
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&said.join(" "));
        text.push_str(&format_reference(id));
        citations.push(super::citation(passage, id));
    }
    (!citations.is_empty()).then_some(Composed { text, citations })
}

/// Whether most words of `sentence` have been said: two pages often tell the same.
fn is_said(text: &str, sentence: &str) -> bool {
    let (said, words) = (words(text), words(sentence));
    let repeated = words.iter().filter(|word| said.contains(word)).count();
    repeated * 10 >= words.len() * REPEATED_TENTHS
}

fn words(text: &str) -> Vec<String> {
    let words = text
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn format_reference(id: u32) -> String {
    format!(" [{id}]")
}

/// The sentences of a passage that cover the question best, in the passage's order.
fn pick(passage: &Passage, lexemes: &HashMap<String, f64>) -> Vec<String> {
    let heading = passage.heading.rsplit(" > ").next().unwrap_or_default();
    let asked_by_heading = covered(heading, lexemes) * HEADING_WEIGHT;
    let plain = plain_text(&passage.content);
    let scored: Vec<(f64, String)> = sentences(&plain)
        .into_iter()
        .enumerate()
        .map(|(index, sentence)| {
            // Under a heading that asks the question the first sentence answers it, whatever words it uses.
            let place = 1.0 / f64::from(u32::try_from(index + 1).unwrap_or(u32::MAX));
            (covered(&sentence, lexemes) + asked_by_heading * place, sentence)
        })
        .collect();
    let best = scored.iter().map(|(score, _)| *score).fold(0.0, f64::max);
    // "No." answers the question above it, though it has none of its words.
    let is_question = heading.trim_end().ends_with('?');
    let is_asked = is_question && covered(heading, lexemes) >= lexemes.values().sum::<f64>() * ASKING_HEADING;
    // A passage that says it in other words begins with what it is about.
    let beginning = (best == 0.0).then(|| scored.iter().position(|(_, sentence)| is_whole(sentence)));
    let worth = |(index, (score, sentence)): (usize, (f64, String))| {
        let is_meant = beginning == Some(Some(index));
        let is_worth = score > 0.0 && score >= best * WORTH_SAYING && says_something(&sentence);
        (is_meant || (is_asked && index == 0) || is_worth).then_some(sentence)
    };
    scored
        .into_iter()
        .enumerate()
        .filter_map(worth)
        .take(SENTENCES_PER_PASSAGE)
        .collect()
}

/// Whether it is more than a heading or the label of a link; a price or a date says something in few words.
fn says_something(sentence: &str) -> bool {
    is_whole(sentence) || sentence.chars().any(char::is_numeric) || words(sentence).len() >= LABEL_WORDS
}

/// Whether it is a sentence, as headings and labels are not.
fn is_whole(sentence: &str) -> bool {
    sentence.ends_with(['.', '!', '?', '。', '！', '？'])
}

/// The weight of the question's words that `text` has.
fn covered(text: &str, lexemes: &HashMap<String, f64>) -> f64 {
    let words = words(text);
    lexemes
        .iter()
        .filter(|(lexeme, _)| words.iter().any(|word| has_stem(word, lexeme)))
        .map(|(_, weight)| weight)
        .sum()
}

/// Whether Postgres would stem `word` to `lexeme`, by their common beginning: stems lose or change their last letters.
fn has_stem(word: &str, lexeme: &str) -> bool {
    let common = word
        .chars()
        .zip(lexeme.chars())
        .take_while(|(one, other)| one == other)
        .count();
    let (word, stem) = (word.chars().count(), lexeme.chars().count());
    let needed = if stem > 4 { stem - 1 } else { stem };
    common >= needed && word <= stem + 4
}

/// Markdown as one reads it aloud: without marks, links by their text, headings dropped, one block per line.
pub(crate) fn plain_text(markdown: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for line in markdown.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("```") || is_table_rule(line) {
            continues = false;
            continue;
        }
        let is_item =
            line.starts_with("- ") || line.starts_with("* ") || line.starts_with('|') || starts_with_number(line);
        let text = inline(&without_marker(line));
        match lines.last_mut() {
            Some(last) if continues && !is_item => {
                last.push(' ');
                last.push_str(&text);
            }
            _ => lines.push(text),
        }
        continues = true;
    }
    lines.join("\n")
}

fn is_table_rule(line: &str) -> bool {
    line.starts_with('|') && line.chars().all(|char| "|-: ".contains(char))
}

fn starts_with_number(line: &str) -> bool {
    line.split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn without_marker(line: &str) -> String {
    if line.starts_with('|') {
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        return format!("{}.", cells.join(": "));
    }
    let line = line.trim_start_matches(['>', ' ']);
    let line = line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .unwrap_or(line);
    match line.split_once(". ") {
        Some((_, rest)) if starts_with_number(line) => rest.to_owned(),
        _ => line.to_owned(),
    }
}

/// Links and images by their text, emphasis and code without their marks.
fn inline(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, link) = rest.split_at(start);
        plain.push_str(before.trim_end_matches('!'));
        match link
            .split_once("](")
            .and_then(|(label, after)| Some((label, after.split_once(')')?.1)))
        {
            Some((label, after)) if !label[1..].contains('[') => {
                plain.push_str(&label[1..]);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = &link[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
        .replace("**", "")
        .replace("__", "")
        .replace(['`', '*'], "")
        .replace('\\', "")
}

/// Splits at the ends of sentences and of lines; an abbreviation's dot is followed by a small letter or a digit.
fn sentences(plain: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for line in plain.lines() {
        let mut start = 0;
        for (at, char) in line.char_indices() {
            let end = at + char.len_utf8();
            if !matches!(char, '.' | '!' | '?' | '。' | '！' | '？') {
                continue;
            }
            let rest = line[end..].trim_start();
            let is_end = line[end..].starts_with(char::is_whitespace)
                && rest
                    .chars()
                    .next()
                    .is_some_and(|next| next.is_uppercase() || !next.is_alphanumeric() || char != '.');
            if is_end {
                sentences.push(line[start..end].trim().to_owned());
                start = end;
            }
        }
        sentences.push(line[start..].trim().to_owned());
    }
    sentences.retain(|sentence| sentence.chars().filter(|char| char.is_alphanumeric()).count() > 1);
    sentences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_sentence_that_answers_is_quoted_with_its_page() {
        let page = "We are a small shop. You can return anything within 30 days for a full refund. We love pottery.";
        let retrieved = found(vec![Passage::example("/refunds", "Refunds", page, 0.9)]);

        let composed = compose(&retrieved).expect("an answer");

        assert_eq!(
            composed.text,
            "You can return anything within 30 days for a full refund. [1]"
        );
        assert_eq!(composed.citations[0].url, "/refunds#refunds");
    }

    #[test]
    fn a_heading_that_asks_makes_the_first_sentence_the_answer() {
        let page = "Yes, within a month. Write to us first.";
        let retrieved = found(vec![Passage::example("/faq", "FAQ > Can I get a refund?", page, 0.9)]);
        assert_eq!(
            compose(&retrieved).expect("an answer").text,
            "Yes, within a month. Write to us first. [1]"
        );
    }

    #[test]
    fn what_cannot_be_trusted_is_not_said() {
        let retrieved = found(vec![Passage::example("/a", "", "A refund is possible.", 0.3)]);
        assert_eq!(compose(&retrieved), None);
        assert_eq!(compose(&Retrieved::default()), None);
    }

    #[test]
    fn two_pages_are_two_references_and_nothing_is_said_twice() {
        let same = "A refund takes five days.";
        let retrieved = found(vec![
            Passage::example("/a", "", same, 0.9),
            Passage::example("/b", "", same, 0.9),
            Passage::example("/c", "", "Refunds go to your card.", 0.9),
        ]);
        let composed = compose(&retrieved).expect("an answer");
        assert_eq!(
            composed.text,
            "A refund takes five days. [1]\n\nRefunds go to your card. [2]"
        );
        assert_eq!(
            composed
                .citations
                .iter()
                .map(|citation| citation.id)
                .collect::<Vec<_>>(),
            [1, 2]
        );
    }

    #[test]
    fn an_answer_is_a_few_sentences() {
        let pages = [
            "A refund takes five days. Bank holidays delay any refund further. Ask for a refund online.",
            "Gift vouchers get no refund ever. Each refund includes postage costs. Every refund is free.",
        ];
        let passages = pages.map(|page| Passage::example(page, "", page, 0.9));
        let text = compose(&found(passages.to_vec())).expect("an answer").text;
        assert_eq!(text.matches('.').count(), SENTENCES_MAX, "{text}");
        assert!(text.ends_with("Gift vouchers get no refund ever. [2]"), "{text}");
    }

    #[test]
    fn markdown_reads_as_text() {
        let markdown = "# Title\n\nSee **our** [terms](https://x.y/z) and `code`.\nIt goes on.\n\n- One\n- Two\n\n| A | B |\n|---|---|\n| c | d |";
        assert_eq!(
            plain_text(markdown),
            "See our terms and code. It goes on.\nOne\nTwo\nA: B.\nc: d."
        );
    }

    #[test]
    fn numbers_and_abbreviations_do_not_end_a_sentence() {
        assert_eq!(
            sentences("It costs 4.50 e.g. in Berlin. Yes! Really?"),
            ["It costs 4.50 e.g. in Berlin.", "Yes!", "Really?"]
        );
    }

    proptest! {
        #[test]
        fn any_page_can_be_read(markdown in "[ -~\n\\[\\]()é。|#*]{0,300}") {
            let retrieved = found(vec![Passage::example("/a", "", &markdown, 1.0)]);
            let _ = compose(&retrieved);
        }
    }

    fn found(passages: Vec<Passage>) -> Retrieved {
        Retrieved {
            passages,
            lexemes: HashMap::from([("refund".to_owned(), 2.0)]),
            ..Retrieved::default()
        }
    }
}
