//! What has a name and a text: entries that open (`<details>`), and lists of definitions (`<dl>`).

use std::rc::Rc;

use htmd::{
    Element, Node,
    element_handler::{HandlerResult, Handlers},
};

use super::{HEADINGS, HEADLESS, children, has_within, is_within, parent, tag, with_anchor};

/// The summary heads what it opens, as a question heads its answer.
pub(super) fn summary(handlers: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    let node = element.node;
    let opens = parent(node).is_some_and(|above| tag(&above) == Some("details"));
    // A heading in it heads already.
    if !opens || is_within(node, &HEADLESS) || has_within(node, &HEADINGS) {
        return handlers.fallback(element);
    }
    let text = handlers.walk_children(node).content;
    Some(as_heading(node, &text).into())
}

fn as_heading(node: &Rc<Node>, text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    with_anchor(node, format!("\n\n### {}\n\n", text.trim()))
}

/// "Term: what it means." for each meaning.
pub(super) fn definitions(handlers: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut terms, mut is_told): (Vec<String>, bool) = (Vec::new(), true);
    for entry in entries(element.node) {
        let content = handlers.walk_children(&entry).content;
        let content = content.trim();
        if content.is_empty() {
            continue;
        }
        if tag(&entry) == Some("dd") {
            blocks.push(described(&terms.join(" / "), content));
            is_told = true;
            continue;
        }
        if is_told {
            terms.clear();
        }
        let has_heading = has_within(&entry, &HEADINGS);
        let is_question = content.ends_with('?') && !has_heading && !is_within(&entry, &HEADLESS);
        is_told = has_heading || is_question;
        if is_question {
            blocks.push(as_heading(&entry, content));
        } else if has_heading {
            blocks.push(content.to_owned());
        } else {
            terms.push(content.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    if !is_told {
        blocks.push(terms.join(" / "));
    }
    if blocks.is_empty() {
        return None;
    }
    let blocks: Vec<&str> = blocks.iter().map(|block| block.trim()).collect();
    Some(format!("\n\n{}\n\n", blocks.join("\n\n")).into())
}

/// The terms and meanings of a list; some are in groups.
fn entries(list: &Rc<Node>) -> Vec<Rc<Node>> {
    let mut entries = Vec::new();
    for child in children(list) {
        if tag(&child) == Some("div") {
            entries.extend(children(&child).into_iter().filter(is_entry));
        } else if is_entry(&child) {
            entries.push(child);
        }
    }
    entries
}

fn is_entry(node: &Rc<Node>) -> bool {
    matches!(tag(node), Some("dt" | "dd"))
}

fn described(term: &str, content: &str) -> String {
    let term = term.trim_end_matches(':');
    if term.is_empty() {
        return content.to_owned();
    }
    let begins_a_block = ["#", "* ", "- ", "> ", "|", "```", "~~~", "1. "]
        .iter()
        .any(|mark| content.starts_with(mark));
    if begins_a_block {
        return format!("{term}:\n\n{content}");
    }
    let is_open = !content.contains('\n') && content.ends_with(|char: char| char.is_alphanumeric() || char == ')');
    format!("{term}: {content}{}", if is_open { "." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::super::to_markdown;

    #[test]
    fn a_summary_heads_what_it_opens() {
        let table = [
            (
                "<details><summary>Can I <b>cancel</b>?</summary><p>Yes.</p></details>",
                "### Can I **cancel**? {#}\n\nYes.",
            ),
            (
                "<details id=c><summary>Can I cancel?</summary>Yes.</details>",
                "### Can I cancel? {#c}\n\nYes.",
            ),
            (
                "<details><summary><h4 id=c>Can I cancel?</h4></summary><p>Yes.</p></details>",
                "#### Can I cancel? {#c}\n\nYes.",
            ),
        ];
        for (html, expected) in table {
            assert_eq!(read(html), expected, "{html}");
        }
    }

    #[test]
    fn a_definition_is_told_with_its_term() {
        let table = [
            (
                "<dl><dt>Battery:</dt><dd>500 Wh</dd><dt>Lamp</dt><dd>Both lamps are LEDs.</dd></dl>",
                "Battery: 500 Wh.\n\nLamp: Both lamps are LEDs.",
            ),
            (
                "<dl><div><dt>Brake<dt>Rim brake<dd>Stops.<dd>Squeaks</div></dl>",
                "Brake / Rim brake: Stops.\n\nBrake / Rim brake: Squeaks.",
            ),
            (
                "<dl><dt id=c>Can I cancel?<dd>Yes.</dl>",
                "### Can I cancel? {#c}\n\nYes.",
            ),
            ("<dl><dt>Alone</dl>", "Alone"),
        ];
        for (html, expected) in table {
            assert_eq!(read(html), expected, "{html}");
        }
    }

    fn read(html: &str) -> String {
        to_markdown(&format!("<main>{html}</main>")).expect("a page")
    }
}
