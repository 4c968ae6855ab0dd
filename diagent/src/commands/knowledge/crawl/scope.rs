//! Which pages belong to a crawl: those of one host beneath one path. One page has one address.

use url::Url;

/// Longer addresses are not taken by the API.
const URL_CHARS_MAX: usize = 2_048;

/// Parameters that say where a visitor came from, not which page it is.
const TRACKING: [&str; 6] = ["fbclid", "gclid", "msclkid", "mc_cid", "mc_eid", "ref_src"];

/// Endings of what has no text.
const NO_PAGES: [&str; 46] = [
    "7z", "apk", "avi", "avif", "bmp", "bz2", "css", "csv", "deb", "dmg", "doc", "docx", "eot", "epub", "exe", "gif",
    "gz", "ico", "iso", "jar", "jpeg", "jpg", "js", "json", "map", "mjs", "mov", "mp3", "mp4", "ogg", "otf", "png",
    "ppt", "pptx", "rar", "svg", "tar", "tgz", "ttf", "wasm", "webm", "webp", "woff", "woff2", "xml", "zip",
];

/// A host and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    start: Url,
    /// Ends with a slash.
    folder: String,
}

impl Scope {
    /// The pages beside `start` and beneath: `/docs/` and `/docs/index.html` mean `/docs/…`, `/docs` means `/docs` and `/docs/…`.
    pub(super) fn around(start: &Url) -> Self {
        let path = start.path();
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        let is_file = last.is_empty() || last.contains('.');
        let folder = if is_file {
            format!("{above}/")
        } else {
            format!("{path}/")
        };
        Self {
            start: start.clone(),
            folder,
        }
    }

    /// Where the crawl begins.
    pub(super) const fn start(&self) -> &Url {
        &self.start
    }

    /// The address as the crawl keeps it, if it belongs to the crawl.
    pub(super) fn take(&self, url: &Url) -> Option<Url> {
        let mut url = url.clone();
        url.set_fragment(None);
        strip_tracking(&mut url);
        let is_here = url.scheme() == self.start.scheme()
            && url.host() == self.start.host()
            && url.port_or_known_default() == self.start.port_or_known_default()
            && url.username().is_empty();
        let is_beneath = url.path().starts_with(&self.folder) || url.path() == self.start.path();
        let is_page = !url
            .path()
            .rsplit_once('.')
            .is_some_and(|(_, ending)| NO_PAGES.iter().any(|known| known.eq_ignore_ascii_case(ending)));
        (is_here && is_beneath && is_page && url.as_str().len() <= URL_CHARS_MAX).then_some(url)
    }
}

fn strip_tracking(url: &mut Url) {
    let is_tracking = |name: &str| name.starts_with("utm_") || TRACKING.contains(&name);
    if !url.query_pairs().any(|(name, _)| is_tracking(&name)) {
        return;
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !is_tracking(name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crawl_stays_on_its_host_and_beneath_its_path() {
        let table = [
            ("https://x.example/docs/", "https://x.example/docs/a", true),
            ("https://x.example/docs/index.html", "https://x.example/docs/a", true),
            ("https://x.example/docs", "https://x.example/docs", true),
            ("https://x.example/docs", "https://x.example/docs/a?b=c", true),
            ("https://x.example/docs", "https://x.example/docs-old", false),
            ("https://x.example/docs/", "https://x.example/blog", false),
            ("https://x.example/", "https://x.example/a/b", true),
            ("https://x.example/", "https://www.x.example/", false),
            ("https://x.example/", "http://x.example/", false),
            ("https://x.example/", "https://x.example:8443/", false),
            ("https://x.example/", "https://x.example/logo.PNG", false),
            ("https://x.example/", "https://x.example/price.pdf", true),
            ("https://x.example/", "https://me@x.example/", false),
            ("https://x.example/", "mailto:me@x.example", false),
        ];
        for (start, url, expected) in table {
            let (start, url) = (
                Url::parse(start).expect("an address"),
                Url::parse(url).expect("an address"),
            );
            assert_eq!(Scope::around(&start).take(&url).is_some(), expected, "{url} of {start}");
        }
    }

    #[test]
    fn one_page_has_one_address() {
        let scope = Scope::around(&Url::parse("https://x.example/").expect("an address"));
        let table = [
            ("https://x.example/a#b", "https://x.example/a"),
            ("https://x.example/a?utm_source=x&id=7", "https://x.example/a?id=7"),
            ("https://x.example/a?gclid=1", "https://x.example/a"),
            ("https://x.example/a?b=%20c", "https://x.example/a?b=%20c"),
        ];
        for (url, expected) in table {
            let taken = scope.take(&Url::parse(url).expect("an address"));
            assert_eq!(taken.as_ref().map(Url::as_str), Some(expected));
        }
    }
}
