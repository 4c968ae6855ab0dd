//! What a crawl reads in a page: its title, its links, and what it says about being indexed.

use std::{rc::Rc, sync::LazyLock};

use encoding_rs::{Encoding, UTF_8};
use htmd::{HtmlToMarkdown, Node};
use markup5ever_rcdom::NodeData;
use url::Url;

use super::title;

/// The charset is declared within so many bytes, as the HTML standard has it.
const PRESCAN_BYTES: usize = 1_024;

static PARSER: LazyLock<HtmlToMarkdown> = LazyLock::new(HtmlToMarkdown::new);

/// What of a page is of interest to a crawl.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::commands::knowledge) struct Page {
    pub(in crate::commands::knowledge) title: String,
    /// `<link rel="canonical">`.
    pub(super) canonical: Option<Url>,
    /// Where it links to, in its order; nowhere, if it asks not to be followed.
    pub(super) links: Vec<Url>,
    /// It asks not to be indexed.
    pub(super) is_hidden: bool,
}

/// Reads the page at `url`. `robots` is the header `X-Robots-Tag`.
pub(in crate::commands::knowledge) fn parse(url: &Url, html: &str, robots: &str) -> Page {
    let mut page = Page::default();
    let mut base = url.clone();
    let mut hrefs = Vec::new();
    let mut robots = robots.to_lowercase();
    // Whoever drops the root of a tree empties all of it: it is kept until the end.
    let tree = PARSER.html_to_tree(html).ok();
    let mut named = Named::default();
    let mut ahead: Vec<(Rc<Node>, Place)> = tree.iter().map(|root| (root.clone(), Place::default())).collect();
    while let Some((node, place)) = ahead.pop() {
        let place = place.within(tag(&node));
        ahead.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), place)));
        named.read(&node, place.is_frame);
        match tag(&node) {
            Some("base") => {
                let href = attribute(&node, "href");
                base = href.and_then(|href| url.join(&href).ok()).unwrap_or(base);
            }
            Some("meta") if is(&node, "name", "robots") => {
                robots.push(',');
                robots.push_str(&attribute(&node, "content").unwrap_or_default().to_lowercase());
            }
            Some("link") if is(&node, "rel", "canonical") => {
                page.canonical = attribute(&node, "href").and_then(|href| base.join(&href).ok());
            }
            Some("a" | "area") if !has_word(&node, "rel", "nofollow") => hrefs.extend(attribute(&node, "href")),
            _ => {}
        }
    }
    let says = |word: &str| {
        robots
            .split(|char: char| !char.is_ascii_alphabetic())
            .any(|directive| directive == word)
    };
    page.is_hidden = says("noindex") || says("none");
    if !says("nofollow") && !says("none") {
        page.links = hrefs.iter().filter_map(|href| base.join(href.trim()).ok()).collect();
    }
    page.title = named.title();
    page
}

/// Where in a page an element is.
#[derive(Clone, Copy, Default)]
struct Place {
    is_text: bool,
    is_frame: bool,
}

impl Place {
    /// A site's header is its banner; an article's header holds the article's title.
    fn within(self, tag: Option<&str>) -> Self {
        let is_banner = tag == Some("header") && !self.is_text;
        Self {
            is_text: self.is_text || matches!(tag, Some("main" | "article" | "section")),
            is_frame: self.is_frame || is_banner || matches!(tag, Some("nav" | "aside" | "footer")),
        }
    }
}

/// What a page is called, by itself and by its site.
#[derive(Default)]
struct Named {
    title: String,
    /// The first `h1` of the text, the first other heading of the text, and the first `h1` of what surrounds it, which is
    /// often the site's name.
    headings: [String; 3],
    sites: Vec<String>,
}

impl Named {
    fn read(&mut self, node: &Rc<Node>, is_frame: bool) {
        let slot = match (tag(node), is_frame) {
            (Some("title"), _) => &mut self.title,
            (Some("h1"), false) => &mut self.headings[0],
            (Some("h2" | "h3" | "h4" | "h5" | "h6"), false) => &mut self.headings[1],
            (Some("h1"), true) => &mut self.headings[2],
            (Some("meta"), _) if is(node, "property", "og:site_name") || is(node, "name", "application-name") => {
                self.sites.extend(attribute(node, "content"));
                return;
            }
            _ => return,
        };
        if slot.is_empty() {
            // Generators of sites end a heading with a link to it.
            line(node).trim_end_matches(['¶', ' ']).clone_into(slot);
        }
    }

    fn title(self) -> String {
        let Self { title, headings, sites } = self;
        let [first, other, framed] = headings;
        let heading = if first.is_empty() { other } else { first };
        match (title.is_empty(), heading.is_empty()) {
            (false, _) => title::without_site(&title, &heading, &sites),
            (true, false) => heading,
            (true, true) => framed,
        }
    }
}

/// The text in the charset of its byte order mark, of the header, or of its `<meta>`; without any, UTF-8 if it can be.
pub(in crate::commands::knowledge) fn decode(body: &[u8], content_type: &str) -> String {
    let declared = |text: &str| {
        let (_, rest) = text.split_once("charset=")?;
        let label = rest.trim_start_matches(['"', '\'']);
        let end = label.find(|char: char| !(char.is_ascii_alphanumeric() || "-_:.".contains(char)));
        Encoding::for_label(&label.as_bytes()[..end.unwrap_or(label.len())])
    };
    let start = String::from_utf8_lossy(&body[..body.len().min(PRESCAN_BYTES)]).to_lowercase();
    let encoding = declared(&content_type.to_lowercase()).or_else(|| declared(&start));
    let fallback = || {
        if std::str::from_utf8(body).is_ok() {
            UTF_8
        } else {
            encoding_rs::WINDOWS_1252
        }
    };
    encoding.unwrap_or_else(fallback).decode(body).0.into_owned()
}

fn tag(node: &Node) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(&name.local),
        _ => None,
    }
}

fn attribute(node: &Node, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else {
        return None;
    };
    let attributes = attrs.borrow();
    let found = attributes.iter().find(|attribute| &*attribute.name.local == wanted);
    found.map(|attribute| attribute.value.to_string())
}

fn is(node: &Node, name: &str, value: &str) -> bool {
    attribute(node, name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
}

fn has_word(node: &Node, name: &str, word: &str) -> bool {
    attribute(node, name).is_some_and(|text| text.split_whitespace().any(|part| part.eq_ignore_ascii_case(word)))
}

/// All text within, on one line.
fn line(node: &Rc<Node>) -> String {
    let (mut text, mut ahead) = (String::new(), vec![node.clone()]);
    while let Some(node) = ahead.pop() {
        if let NodeData::Text { contents } = &node.data {
            text.push_str(&contents.borrow());
        }
        ahead.extend(node.children.borrow().iter().rev().cloned());
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Page {
        parse(&Url::parse("https://shop.example/help/").expect("an address"), html, "")
    }

    #[test]
    fn links_are_resolved() {
        let page = read(
            "<title>\n Help  me </title><link rel=canonical href=/help><a href=a.html>A</a><a href='../b?c#d'>B</a>\
             <a rel='x nofollow' href=c>C</a><a href='https://other.example/'>O</a><a href='mailto:a@b.example'>M</a>",
        );
        let links: Vec<&str> = page.links.iter().map(Url::as_str).collect();
        assert_eq!(page.title, "Help me");
        assert_eq!(page.canonical.expect("one").as_str(), "https://shop.example/help");
        assert_eq!(
            links,
            [
                "https://shop.example/help/a.html",
                "https://shop.example/b?c#d",
                "https://other.example/",
                "mailto:a@b.example"
            ]
        );
    }

    #[test]
    fn a_title_does_not_tell_the_site() {
        let table = [
            (
                "<title>Repairs | Bikes</title><h1>Repairs<a href=#r>¶</a></h1>",
                "Repairs",
            ),
            ("<title>Repairs | Bikes</title><h3>repairs</h3>", "Repairs"),
            (
                "<title>Repairs | Bikes</title><header><h1>Bikes</h1></header>",
                "Repairs | Bikes",
            ),
            (
                "<title>Repairs | Bikes</title><meta property=og:site_name content=Bikes><header><h1>Bikes</h1></header>",
                "Repairs",
            ),
            (
                "<title>Bikes - Our repairs</title><meta name=application-name content=bikes><h1>Hello</h1>",
                "Our repairs",
            ),
            (
                "<header><h1>Bikes</h1></header><main><header><h2>Repairs</h2></header></main>",
                "Repairs",
            ),
            ("<header><h1>Bikes</h1></header><main><p>Hello</p></main>", "Bikes"),
        ];
        for (html, title) in table {
            assert_eq!(read(html).title, title, "{html}");
        }
    }

    #[test]
    fn a_page_may_ask_to_be_left_alone() {
        let table = [
            ("", false, 1),
            ("<meta name=robots content='noindex'>", true, 1),
            ("<meta name=Robots content='NoIndex, NoFollow'>", true, 0),
            ("<meta name=robots content=none>", true, 0),
        ];
        for (meta, is_hidden, links) in table {
            let page = read(&format!("{meta}<h1>T</h1><a href=a>A</a>"));
            assert_eq!(
                (page.is_hidden, page.links.len(), page.title.as_str()),
                (is_hidden, links, "T"),
                "{meta}"
            );
        }
    }

    #[test]
    fn charsets_by_header_by_meta_and_by_guess() {
        let table: [(&[u8], &str, &str); 5] = [
            (b"caf\xe9", "text/html; charset=ISO-8859-1", "café"),
            (
                b"<meta charset=\"windows-1251\">\xcf",
                "text/html",
                "<meta charset=\"windows-1251\">П",
            ),
            ("café".as_bytes(), "text/html", "café"),
            (b"caf\xe9", "text/html", "café"),
            (b"\xef\xbb\xbfcaf\xc3\xa9", "text/html; charset=iso-8859-1", "café"),
        ];
        for (body, kind, expected) in table {
            assert_eq!(decode(body, kind), expected, "{kind}");
        }
    }
}
