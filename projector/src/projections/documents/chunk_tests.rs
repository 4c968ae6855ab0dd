//! Passages of made-up pages.

use proptest::prelude::*;

use super::*;

#[test]
fn a_passage_knows_its_headings_and_its_anchor() {
    let page = "# Help\n\nWelcome.\n\n## Refunds & returns\n\nWithin 30 days.\n\n### How long?\n\nA week.\n\n## Shipping\n\nFree.";
    let found = chunks("Help", page);
    let brief: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|chunk| (chunk.heading.as_str(), chunk.anchor.as_str(), chunk.content.as_str()))
        .collect();
    assert_eq!(
        brief,
        [
            ("", "help", "Welcome."),
            ("Refunds & returns", "refunds--returns", "Within 30 days."),
            ("Refunds & returns > How long?", "how-long", "A week."),
            ("Shipping", "shipping", "Free."),
        ]
    );
}

#[test]
fn a_repeated_heading_has_an_anchor_of_its_own() {
    let anchors: Vec<String> = chunks("", "## Price\n\na\n\n## Price\n\nb\n\n## `Price`\n\nc")
        .into_iter()
        .map(|chunk| chunk.anchor)
        .collect();
    assert_eq!(anchors, ["price", "price-1", "price-2"]);
}

#[test]
fn a_heading_that_brings_its_id_keeps_it() {
    let found = chunks(
        "",
        "## How long? {#returns-period}\n\na\n\n## No id {#}\n\nb\n\n## A set {1}\n\nc",
    );
    let brief: Vec<(&str, &str)> = found
        .iter()
        .map(|chunk| (chunk.heading.as_str(), chunk.anchor.as_str()))
        .collect();
    assert_eq!(
        brief,
        [("How long?", "returns-period"), ("No id", ""), ("A set {1}", "a-set-1")]
    );
}

#[test]
fn what_is_said_twice_under_one_heading_is_one_passage() {
    let found = chunks("", "## Note\n\nCall us.\n\n## Note\n\nCall us.\n\n## Other\n\nCall us.");
    let headings: Vec<&str> = found.iter().map(|chunk| chunk.heading.as_str()).collect();
    assert_eq!(headings, ["Note", "Other"]);
}

#[test]
fn emphasis_code_and_links_are_not_part_of_a_heading() {
    let found = chunks("", "## **Our** [refund](https://x.example/r) `policy` ##\n\nText.");
    assert_eq!(
        (found[0].heading.as_str(), found[0].anchor.as_str()),
        ("Our refund policy", "our-refund-policy")
    );
}

#[test]
fn an_underlined_line_is_a_heading_and_a_table_is_not() {
    let found = chunks("", "Prices\n------\n\n| a | b |\n| - | - |\n| 1 | 2 |");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].heading, "Prices");
    assert!(found[0].content.starts_with("| a | b |"), "{}", found[0].content);
}

#[test]
fn what_stands_in_code_is_no_heading() {
    let found = chunks("", "## Install\n\n```\n# a comment\n\nrun\n```\n\nDone.");
    assert_eq!(found.len(), 1);
    assert!(found[0].content.contains("# a comment\n\nrun"), "{}", found[0].content);
}

#[test]
fn a_long_section_is_cut_between_paragraphs() {
    let paragraphs: Vec<String> = (0..7)
        .map(|number| format!("{number} {}", "word ".repeat(59)))
        .collect();
    let page = format!("## Long\n\n{}", paragraphs.join("\n\n"));
    let lengths: Vec<usize> = chunks("", &page).iter().map(|chunk| words(&chunk.content)).collect();
    assert_eq!(lengths, [180, 180, 60]);
}

#[test]
fn a_long_paragraph_is_cut_between_sentences() {
    let sentence = format!("{}end. ", "word ".repeat(24));
    let found = chunks("", &sentence.repeat(20));
    assert!(
        found
            .iter()
            .all(|chunk| words(&chunk.content) <= WORDS_MAX && chunk.content.ends_with("end.")),
        "{found:?}"
    );
}

#[test]
fn a_page_without_text_has_no_passage() {
    assert_eq!(chunks("Empty", "# Empty\n\n## Nothing\n\n   \n"), []);
    assert_eq!(chunks("", ""), []);
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_too_long(page in "([a-z#*`\\[\\]() \n.!?=|-]|[^\\x00-\\x7F]|word ){0,1500}") {
        // Numbered, so that no passage says what another does.
        let numbered = |(line, number): (&str, u32)| if line.contains('w') { format!("{line} {number}\n") } else { format!("{line}\n") };
        let page = page.lines().zip(0..).map(numbered).collect::<String>();
        let found = chunks("", &page);
        for chunk in &found {
            prop_assert!(chunk.content.len() <= BYTES_MAX + 2, "{} bytes", chunk.content.len());
            prop_assert!(words(&chunk.content) <= WORDS_LIMIT, "{} words", words(&chunk.content));
        }
        let letters = |text: &str| text.matches('w').count();
        let kept: usize = found.iter().map(|chunk| letters(&chunk.content)).sum();
        let in_headings = page.lines().filter(|line| line.contains('#') || line.len() < 3).map(letters).sum::<usize>();
        let underlined: usize = page.lines().zip(page.lines().skip(1)).filter_map(|(line, next)| underline_level(line, next).map(|_| letters(line))).sum();
        prop_assert!(kept <= letters(&page));
        prop_assert!(kept + in_headings + underlined >= letters(&page), "{kept} of {}", letters(&page));
    }
}
