//! A page as an agent may know it: its address in one spelling, its text as Markdown.

use url::Url;

use super::readable;

/// Deeper HTML is not a page that a person wrote, and both parser and converter take long, or all of the stack, for it.
const DEPTH_MAX: usize = 400;

/// Elements that end by themselves and therefore never nest without bound.
const NEVER_DEEP: [&str; 26] = [
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "optgroup", "option",
    "p", "param", "rp", "rt", "source", "td", "th", "tr", "track", "wbr", "html",
];

/// The HTML cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAPage;

/// The address in the spelling that documents are kept by: parsed, without a fragment.
pub(super) fn canonical_url(text: &str) -> Option<String> {
    let mut url = Url::parse(text.trim()).ok()?;
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

/// The readable text of a page: headings, lists, tables and code as Markdown.
pub(super) fn to_markdown(html: &str) -> Result<String, NotAPage> {
    if depth(html) > DEPTH_MAX {
        return Err(NotAPage);
    }
    readable::to_markdown(html).map_err(|_| NotAPage)
}

/// How deep elements nest, counted by tags alone.
fn depth(html: &str) -> usize {
    let mut open: usize = 0;
    let mut deepest = 0;
    for tag in html.split('<').skip(1) {
        if let Some(rest) = tag.strip_prefix('/') {
            if is_deep(rest) {
                open = open.saturating_sub(1);
            }
        } else if is_deep(tag) {
            open += 1;
            deepest = deepest.max(open);
        }
    }
    deepest
}

fn is_deep(tag: &str) -> bool {
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
    let name = &tag[..end];
    !name.is_empty() && !NEVER_DEEP.iter().any(|shallow| shallow.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_its_text() {
        let html = "<html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav><h1>Refunds</h1>\
                    <p>Within <b>30 days</b>.</p><script>alert(1)</script><ul><li>one<li>two</ul><footer>©</footer></body></html>";
        let text = to_markdown(html).expect("a page");
        assert!(
            text.contains("# Refunds") && text.contains("**30 days**") && text.contains("one"),
            "{text}"
        );
        for gone in ["alert", "Home", "p{}", "©", "T\n"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }

    #[test]
    fn a_bottomless_page_is_refused_at_once() {
        assert_eq!(to_markdown(&"<div>".repeat(200_000)), Err(NotAPage));
        assert!(
            to_markdown(&"<p>line<br>".repeat(20_000)).is_ok(),
            "many paragraphs are not deep"
        );
    }

    #[test]
    fn one_page_has_one_address() {
        let table = [
            (
                "https://Shop.Example:443/refunds#top",
                Some("https://shop.example/refunds"),
            ),
            (" https://shop.example ", Some("https://shop.example/")),
            ("https://shop.example/a?b=c", Some("https://shop.example/a?b=c")),
            ("ftp://shop.example/", None),
            ("javascript:alert(1)", None),
            ("/refunds", None),
        ];
        for (text, expected) in table {
            assert_eq!(canonical_url(text).as_deref(), expected, "{text}");
        }
    }
}
