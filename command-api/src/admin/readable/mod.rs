//! What of a page's HTML is worth reading: its main part, without navigation and other boilerplate.

mod entries;
mod table;

use std::{iter::successors, rc::Rc};

use htmd::{
    Element, HtmlToMarkdown, Node,
    element_handler::{HandlerResult, Handlers},
};
use markup5ever_rcdom::NodeData;

/// Elements that are never text of the page.
const SKIPPED: [&str; 16] = [
    "head", "script", "style", "noscript", "template", "svg", "iframe", "nav", "footer", "button", "select", "aside",
    "dialog", "form", "object", "canvas",
];

/// Roles of what surrounds the text (WAI-ARIA landmarks), and of what lies over it.
const SKIPPED_ROLES: [&str; 8] = [
    "navigation",
    "banner",
    "contentinfo",
    "complementary",
    "search",
    "dialog",
    "alertdialog",
    "menu",
];

/// Names, as classes or ids, that generators of sites give to what is no text.
const SKIPPED_NAMES: [&str; 28] = [
    "advertisement",
    "anchor-link",
    "breadcrumb",
    "breadcrumbs",
    "cookie-banner",
    "cookie-consent",
    "footer",
    "hash-link",
    "header-anchor",
    "headerlink",
    "menu",
    "nav",
    "navbar",
    "navfooter",
    "navheader",
    "navigation",
    "noprint",
    "page-footer",
    "pagination",
    "related",
    "share",
    "sidebar",
    "site-footer",
    "site-header",
    "skip-link",
    "sphinxsidebar",
    "table-of-contents",
    "toc",
];

const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];

/// What a heading in it shares its line with: it heads nothing.
const HEADLESS: [&str; 12] = [
    "a",
    "li",
    "td",
    "th",
    "caption",
    "blockquote",
    "b",
    "strong",
    "i",
    "em",
    "pre",
    "code",
];

/// The readable text of a page as Markdown. A heading is followed by `{#id}`, its own or that of the section that it opens,
/// and by `{#}` when the page has none, so that nobody makes one up.
pub(super) fn to_markdown(html: &str) -> std::io::Result<String> {
    let converter = HtmlToMarkdown::builder()
        .skip_tags(SKIPPED.to_vec())
        .add_handler(HEADINGS.to_vec(), |handlers: &dyn Handlers, element: Element| {
            let node = element.node;
            let heading = handlers.fallback(element)?;
            Some(HandlerResult::from(with_anchor(node, heading.content)))
        })
        .add_handler(vec!["summary"], entries::summary)
        .add_handler(vec!["dl"], entries::definitions)
        .add_handler(vec!["table"], table::sentences)
        .build();
    let tree = converter.html_to_tree(html)?;
    let main = main_part(&tree);
    // A site's header is its banner; an article's header holds the article's title.
    prune(main.as_ref().unwrap_or(&tree), main.is_some());
    Ok(converter.tree_to_markdown(main.as_ref().unwrap_or(&tree)))
}

/// The one element that says that it is the page's text.
fn main_part(tree: &Rc<Node>) -> Option<Rc<Node>> {
    let is_main = |node: &Rc<Node>| tag(node) == Some("main") || attribute(node, "role").as_deref() == Some("main");
    let is_article = |node: &Rc<Node>| tag(node) == Some("article");
    only(tree, &is_main).or_else(|| only(tree, &is_article))
}

/// The outermost element that `is_wanted`, when there is just one.
fn only(tree: &Rc<Node>, is_wanted: &dyn Fn(&Rc<Node>) -> bool) -> Option<Rc<Node>> {
    let (mut found, mut ahead) = (None, vec![tree.clone()]);
    while let Some(node) = ahead.pop() {
        if is_wanted(&node) {
            if found.replace(node).is_some() {
                return None;
            }
            continue;
        }
        ahead.extend(node.children.borrow().iter().cloned());
    }
    found
}

/// Takes out of `tree` what is no text.
fn prune(tree: &Rc<Node>, keeps_headers: bool) {
    let mut ahead = vec![(tree.clone(), keeps_headers)];
    while let Some((node, keeps_headers)) = ahead.pop() {
        let keeps_headers = keeps_headers || matches!(tag(&node), Some("main" | "article" | "section"));
        let mut children = node.children.borrow_mut();
        children.retain(|child| !is_boilerplate(child, keeps_headers));
        ahead.extend(children.iter().map(|child| (child.clone(), keeps_headers)));
    }
}

fn is_boilerplate(node: &Rc<Node>, keeps_headers: bool) -> bool {
    let Some(tag) = tag(node) else {
        return false;
    };
    let is =
        |name: &str, value: &str| attribute(node, name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value));
    let has_name = |text: String| text.split_whitespace().any(|name| SKIPPED_NAMES.contains(&name));
    // Some sites keep their whole text in an element with such a name.
    let is_named = !matches!(
        tag,
        "html" | "body" | "main" | "article" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6"
    ) && ["class", "id"]
        .iter()
        .any(|name| attribute(node, name).is_some_and(has_name));
    (tag == "header" && !keeps_headers)
        || is_named
        || attribute(node, "hidden").is_some()
        // A page that shows itself when its scripts have run hides the whole of it until then.
        || (!matches!(tag, "html" | "body") && attribute(node, "style").is_some_and(|style| is_hiding(&style)))
        || is("aria-hidden", "true")
        || attribute(node, "role").is_some_and(|role| SKIPPED_ROLES.contains(&role.trim()))
}

/// Whether an inline style hides its element.
fn is_hiding(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    let mut declarations = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    declarations.any(|(property, value)| {
        let value = value.trim().trim_end_matches("!important").trim_end();
        matches!((property.trim(), value), ("display", "none") | ("visibility", "hidden"))
    })
}

/// The heading on one line, with the id that leads to it.
fn with_anchor(node: &Rc<Node>, markdown: String) -> String {
    let line = markdown.split_whitespace().collect::<Vec<_>>().join(" ");
    if !line.contains(' ') || is_within(node, &HEADLESS) {
        return markdown;
    }
    format!("\n\n{line} {{#{}}}\n\n", anchor(node).unwrap_or_default())
}

/// The id that leads to a heading: its own, that of an anchor in it, or that of the section that it opens.
fn anchor(heading: &Rc<Node>) -> Option<String> {
    let within = || {
        let children = heading.children.borrow();
        let mut anchors = children.iter().filter(|child| tag(child) == Some("a"));
        anchors.find_map(|child| attribute(child, "id").or_else(|| attribute(child, "name")))
    };
    let above = || {
        let parent = parent(heading)?;
        let is_first = parent
            .children
            .borrow()
            .iter()
            .find(|child| tag(child).is_some())
            .is_some_and(|first| Rc::ptr_eq(first, heading));
        (is_first && matches!(tag(&parent), Some("section" | "div" | "article" | "details")))
            .then(|| attribute(&parent, "id"))?
    };
    let is_usable = |id: &String| !id.is_empty() && !id.chars().any(|char| char.is_whitespace() || "{}".contains(char));
    attribute(heading, "id")
        .filter(is_usable)
        .or_else(|| within().filter(is_usable))
        .or_else(|| above().filter(is_usable))
}

fn parent(node: &Rc<Node>) -> Option<Rc<Node>> {
    let weak = node.parent.take();
    node.parent.set(weak.clone());
    weak?.upgrade()
}

/// Apart from the tree, whose parts are borrowed while they are converted.
fn children(node: &Rc<Node>) -> Vec<Rc<Node>> {
    node.children.borrow().clone()
}

/// Whether one of `names` is above `node`.
fn is_within(node: &Rc<Node>, names: &[&str]) -> bool {
    successors(parent(node), parent).any(|above| tag(&above).is_some_and(|tag| names.contains(&tag)))
}

/// Whether one of `names` is beneath `node`.
fn has_within(node: &Rc<Node>, names: &[&str]) -> bool {
    let mut ahead = children(node);
    while let Some(node) = ahead.pop() {
        if tag(&node).is_some_and(|tag| names.contains(&tag)) {
            return true;
        }
        ahead.extend(children(&node));
    }
    false
}

fn tag(node: &Node) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(&name.local),
        _ => None,
    }
}

fn attribute(node: &Node, wanted: &str) -> Option<String> {
    match &node.data {
        NodeData::Element { attrs, .. } => {
            let attributes = attrs.borrow();
            let found = attributes.iter().find(|attribute| &*attribute.name.local == wanted);
            found.map(|attribute| attribute.value.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_part_is_read_and_the_rest_is_not() {
        let page = "<html><body><header><h1>ACME</h1></header><div class='sidebar'>Links</div>\
            <main><header><h1 id=top>Refunds</h1></header><nav>Home</nav><p>Thirty days.</p><p hidden>Draft</p>\
            <div role=navigation>Next</div></main><footer>©</footer></body></html>";
        assert_eq!(to_markdown(page).expect("a page"), "# Refunds {#top}\n\nThirty days.");
    }

    #[test]
    fn a_page_without_a_main_part_loses_its_frame() {
        let page = "<body><header>ACME</header><ul class='nav menu'><li>Home</ul><h1>Refunds<a class=headerlink href='#r'>¶</a></h1>\
            <p>Thirty days.</p><div id=footer>©</div></body>";
        assert_eq!(to_markdown(page).expect("a page"), "# Refunds {#}\n\nThirty days.");
    }

    #[test]
    fn what_a_style_hides_is_not_read() {
        let table = [
            ("display:none", false),
            ("color: red; DISPLAY : None ;", false),
            ("visibility: hidden !important", false),
            ("display: block", true),
            ("--display: none-of-it", true),
        ];
        for (style, is_read) in table {
            let text = to_markdown(&format!(
                "<main><p>Open.</p><div style='{style}'><p>Draft.</p></div></main>"
            ));
            assert_eq!(text.expect("a page").contains("Draft"), is_read, "{style}");
        }
        let page = "<body style='visibility:hidden'><p>Open.</p></body>";
        assert_eq!(to_markdown(page).expect("a page"), "Open.");
    }

    #[test]
    fn a_heading_is_linked_to_by_the_id_that_it_has() {
        let table = [
            ("<h2 id=my_id>A_b</h2>", "{#my_id}"),
            ("<section id=sec><h2>A</h2></section>", "{#sec}"),
            ("<div id=sec><p>x</p><h2>A</h2></div>", "A {#}"),
            ("<h2><a name=old></a>A</h2>", "{#old}"),
            ("<h2>A</h2>", "A {#}"),
            ("<h2>A<br>B</h2>", "A B {#}"),
            ("<h2 id='a b'>A</h2>", "A {#}"),
        ];
        for (html, expected) in table {
            let text = to_markdown(html).expect("a page");
            let line = text.lines().find(|line| line.starts_with("## ")).expect("a heading");
            assert!(line.ends_with(expected), "{html}: {line}");
        }
        let card = to_markdown("<main><a href=/x><h2>A</h2></a></main>").expect("a page");
        assert!(!card.contains("{#"), "a link heads nothing: {card}");
    }

    #[test]
    fn lists_tables_and_code_stay() {
        let page = "<main><ul><li>one</li><li>two</li></ul><table><tr><th>Size</th><th>Price</th></tr><tr><td>S</td><td>3</td></tr></table>\
            <pre><code class='language-sh'>ls -l\n  x</code></pre></main>";
        let text = to_markdown(page).expect("a page");
        for kept in ["one", "two", "- Size S: Price 3.", "```sh\nls -l\n  x\n```"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
    }
}
