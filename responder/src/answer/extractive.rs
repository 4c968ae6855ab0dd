//! Answers without a model: the sentences of the site's own pages that answer, in their order, with where they stand.

use std::collections::HashMap;

use events::conversation::Citation;

use super::plain::{inline, is_whole, plain_text, sentences, starts_with_number, without_marker};
use crate::retrieve::{Passage, Retrieved};

/// Pages that one answer quotes.
const PASSAGES_MAX: usize = 3;
const SENTENCES_PER_PASSAGE: usize = 3;

/// Sentences of one answer, over all its pages: a chat is not a page to read.
const SENTENCES_MAX: usize = 4;

/// A sentence this much worse than the passage's best says something else.
const WORTH_SAYING: f64 = 0.5;

/// One of a further page must cover nearly as much of the question as the best of all: it may be another matter.
const WORTH_ADDING: f64 = 0.75;

/// A sentence with this many tenths of its words said before says nothing new.
const REPEATED_TENTHS: usize = 7;

/// A heading that has this share of the question's weight asks the question.
const ASKING_HEADING: f64 = 0.6;

/// A heading that asks the question makes what follows it the answer.
const HEADING_WEIGHT: f64 = 0.5;

/// Steps of a list that are said in full.
const STEPS_MAX: usize = 8;

/// Words that begin a sentence about what was just said, in the languages that small talk is made in.
const GOING_ON: [&str; 16] = [
    "it", "they", "this", "these", "that", // English
    "er", "es", "dies", "diese", "dieser", // German
    "il", "elle", "ils", "elles", // French
    "esto", "estos", // Spanish
];

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
    let mut most = 0.0_f64;
    for passage in trusted.take(PASSAGES_MAX) {
        let picked = pick(passage, &retrieved.lexemes);
        let said: Vec<String> = picked
            .sentences
            .into_iter()
            .filter(|sentence| !is_said(&text, sentence))
            .take(left)
            .collect();
        if said.is_empty() || picked.covers < most * WORTH_ADDING {
            continue;
        }
        most = most.max(picked.covers);
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

/// What a passage says to a question.
struct Picked {
    sentences: Vec<String>,
    /// The weight of the question's words that its heading and the best of its sentences have.
    covers: f64,
}

/// The sentences of a passage that cover the question best, in the passage's order.
fn pick(passage: &Passage, lexemes: &HashMap<String, f64>) -> Picked {
    let heading = passage.heading.rsplit(" > ").next().unwrap_or_default();
    let asked_by_heading = covered(heading, lexemes) * HEADING_WEIGHT;
    let sentences = sentences(&plain_text(&passage.content));
    let covers: Vec<f64> = sentences.iter().map(|sentence| covered(sentence, lexemes)).collect();
    // Under a heading that asks the question the first sentence answers it, whatever words it uses.
    let place = |index: usize| 1.0 / f64::from(u32::try_from(index + 1).unwrap_or(u32::MAX));
    let score = |index: usize| covers[index] + asked_by_heading * place(index);
    let best = (0..sentences.len()).map(score).fold(0.0, f64::max);
    // "No." answers the question above it, though it has none of its words.
    let is_question = heading.trim_end().ends_with('?');
    let is_asked = is_question && covered(heading, lexemes) >= lexemes.values().sum::<f64>() * ASKING_HEADING;
    // A passage that says it in other words begins with what it is about.
    let beginning = sentences
        .iter()
        .position(|sentence| is_whole(sentence))
        .filter(|_| best == 0.0);
    let is_worth =
        |index: usize| score(index) > 0.0 && score(index) >= best * WORTH_SAYING && says_something(&sentences[index]);
    let mut chosen: Vec<bool> = (0..sentences.len())
        .map(|index| beginning == Some(index) || (is_asked && index == 0) || is_worth(index))
        .collect();
    // "It costs 890 kr." says more of the sentence before.
    for index in 1..sentences.len() {
        chosen[index] |= chosen[index - 1] && goes_on(&sentences[index]);
    }
    let said = sentences.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen);
    let said: Vec<String> = said
        .map(|(sentence, _)| sentence.clone())
        .take(SENTENCES_PER_PASSAGE)
        .collect();
    Picked {
        sentences: with_all_steps(said, &passage.content),
        covers: covers.into_iter().fold(0.0, f64::max).max(covered(heading, lexemes)),
    }
}

/// Whether a sentence speaks of what the one before was about.
fn goes_on(sentence: &str) -> bool {
    let first = sentence
        .split(|char: char| !char.is_alphabetic())
        .next()
        .unwrap_or_default();
    GOING_ON.contains(&first.to_lowercase().as_str())
}

/// One step of several is no answer: all are said, with their numbers.
fn with_all_steps(said: Vec<String>, content: &str) -> Vec<String> {
    let steps: Vec<(&str, String)> = content
        .lines()
        .map(str::trim)
        .filter(|line| starts_with_number(line))
        .filter_map(|line| Some((line.split_once(' ')?.0, inline(without_marker(line)))))
        .collect();
    let is_step = |sentence: &String| steps.iter().any(|(_, step)| step.contains(sentence.as_str()));
    let Some(first) = said
        .iter()
        .position(is_step)
        .filter(|_| (2..=STEPS_MAX).contains(&steps.len()))
    else {
        return said;
    };
    let list: Vec<String> = steps.iter().map(|(number, step)| format!("{number} {step}")).collect();
    let before = said[..first].iter().cloned();
    before.chain([list.join("\n")]).collect()
}

/// Whether it is more than a heading or the label of a link; a price or a date says something in few words.
fn says_something(sentence: &str) -> bool {
    is_whole(sentence) || sentence.chars().any(char::is_numeric) || words(sentence).len() >= LABEL_WORDS
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
    fn a_sentence_about_what_was_just_said_is_said_too() {
        let page = "A refund for the northern lights tour takes time. It takes five days. We love the north.";
        let retrieved = found(vec![Passage::example("/tours", "Tours", page, 0.9)]);
        assert_eq!(
            compose(&retrieved).expect("an answer").text,
            "A refund for the northern lights tour takes time. It takes five days. [1]"
        );
    }

    #[test]
    fn one_step_is_said_with_the_others() {
        let page = "Do this:\n\n1. Write to us.\n2. Print the **refund** label.\n3. Send it back.";
        let retrieved = found(vec![Passage::example("/returns", "Returns", page, 0.9)]);
        assert_eq!(
            compose(&retrieved).expect("an answer").text,
            "1. Write to us.\n2. Print the refund label.\n3. Send it back. [1]"
        );
    }

    #[test]
    fn a_further_page_that_says_less_of_the_question_is_not_added() {
        let pages = [
            ("/about", "The shop that gives a refund was founded by Kari."),
            ("/rules", "No smoking in the shop."),
        ];
        let retrieved = Retrieved {
            passages: pages.map(|(url, page)| Passage::example(url, "", page, 0.9)).to_vec(),
            lexemes: HashMap::from([("found".to_owned(), 3.0), ("shop".to_owned(), 1.0)]),
            ..Retrieved::default()
        };
        let composed = compose(&retrieved).expect("an answer");
        assert_eq!(composed.text, "The shop that gives a refund was founded by Kari. [1]");
        assert_eq!(composed.citations.len(), 1);
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
