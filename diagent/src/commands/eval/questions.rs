//! A file of questions: one a line, a tab, then the pages that answer it, separated by spaces. A question without a page is one
//! that the site does not answer; lines that begin with `#` are notes.

use anyhow::{Context as _, ensure};
use url::Url;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) question: String,
    /// Any of them is right: an address, or the end of its path. None is a question that must be left open.
    pub(super) pages: Vec<String>,
}

impl Asked {
    pub(super) const fn is_answerable(&self) -> bool {
        !self.pages.is_empty()
    }

    /// The place, from 1, of the first right page among `found`.
    pub(super) fn rank(&self, found: &[String]) -> Option<usize> {
        let is_right = |url: &String| self.pages.iter().any(|page| is_page(url, page));
        found.iter().position(is_right).map(|place| place + 1)
    }
}

/// Whether `url` is the page, given as a whole address or as the end of a path.
fn is_page(url: &str, page: &str) -> bool {
    if url == page {
        return true;
    }
    let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
    path.strip_suffix(page)
        .is_some_and(|rest| page.starts_with('/') || rest.ends_with('/'))
}

/// The pages that answer `questions` and are none of `known`, each once: a question about one of them can find nothing.
pub(super) fn unknown_pages(questions: &[Asked], known: &[String]) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    for page in questions.iter().flat_map(|asked| &asked.pages) {
        if !known.iter().any(|url| is_page(url, page)) && !unknown.contains(page) {
            unknown.push(page.clone());
        }
    }
    unknown
}

/// Reads the whole file.
///
/// # Errors
/// A line has more than two columns, or there is no question at all.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Asked>> {
    let mut questions = Vec::new();
    for (line, number) in text.lines().zip(1_u32..) {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        questions.push(asked(line).with_context(|| format!("line {number}"))?);
    }
    ensure!(!questions.is_empty(), "there is no question in it");
    Ok(questions)
}

fn asked(line: &str) -> anyhow::Result<Asked> {
    let mut columns = line.split('\t');
    let question = columns.next().unwrap_or_default().trim().to_owned();
    let pages = columns.next().unwrap_or_default();
    ensure!(!question.is_empty(), "the question is missing");
    ensure!(columns.next().is_none(), "there is more than a question and its pages");
    Ok(Asked {
        question,
        pages: pages.split_whitespace().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_pages_or_is_left_open() {
        let questions = parse("# note\nHow?\ta/b.html /c.html\n\nWho won?\nWhy?\t\n").expect("questions");
        let pages: Vec<_> = questions.iter().map(|asked| asked.pages.len()).collect();
        assert_eq!(pages, [2, 0, 0]);
    }

    #[test]
    fn a_page_that_is_not_there_is_named_once() {
        let questions = parse("How?\ta.html b.html\nWhy?\tb.html\nWho?\n").expect("questions");
        let known = ["https://x.example/m/a.html".to_owned()];
        assert_eq!(unknown_pages(&questions, &known), ["b.html"]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = parse("How?\ta\n\tb\n").expect_err("no question");
        assert_eq!(format!("{error:#}"), "line 2: the question is missing");
        assert!(parse("How?\ta\tb").is_err() && parse("# nothing\n").is_err());
    }

    #[test]
    fn a_page_is_an_address_or_the_end_of_its_path() {
        let asked = |page: &str| Asked {
            question: String::new(),
            pages: vec![page.to_owned()],
        };
        let found = ["https://x.example/no.html", "https://x.example/m/a.html?v=1"].map(str::to_owned);
        assert_eq!(asked("m/a.html").rank(&found), Some(2));
        assert_eq!(asked("/m/a.html").rank(&found), Some(2));
        assert_eq!(asked("https://x.example/no.html").rank(&found), Some(1));
        assert_eq!(asked("o.html").rank(&found), None, "half a name is another page");
    }
}
