//! Sitemaps, and indexes of them, plain or compressed. <https://www.sitemaps.org/protocol.html>

use std::{collections::HashSet, io::Read as _};

use flate2::read::GzDecoder;
use serde::Deserialize;
use url::Url;

use super::fetch::{Fetcher, Validators};

/// The protocol's own limit, uncompressed.
const BYTES_MAX: usize = 50 * 1_024 * 1_024;

/// Files that are read for one crawl.
const FILES_MAX: usize = 200;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Either `<urlset>` or `<sitemapindex>`.
#[derive(Debug, Default, Deserialize)]
struct Sitemap {
    #[serde(default, rename = "url")]
    pages: Vec<Entry>,
    #[serde(default, rename = "sitemap")]
    sitemaps: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    loc: String,
}

/// The pages that `sitemaps`, and those that they name, list: at most `pages_max`. What cannot be read lists nothing, which is
/// no failure: a sitemap is a hint.
pub(super) async fn pages(fetcher: &Fetcher, sitemaps: Vec<Url>, pages_max: usize) -> Vec<Url> {
    let mut pages = Vec::new();
    let mut seen: HashSet<Url> = sitemaps.iter().cloned().collect();
    let mut ahead = sitemaps;
    while let Some(url) = ahead.pop()
        && pages.len() < pages_max
    {
        let sitemap = match fetcher.get(&url, &Validators::default(), BYTES_MAX, |_| true).await {
            Ok(answer) => parse(&answer.body),
            Err(error) => {
                tracing::debug!(%url, error = &error as &dyn std::error::Error, "the sitemap cannot be read");
                continue;
            }
        };
        let addresses = |entries: Vec<Entry>| {
            entries
                .into_iter()
                .filter_map(|entry| Url::parse(entry.loc.trim()).ok())
        };
        for url in addresses(sitemap.sitemaps) {
            if seen.len() < FILES_MAX && seen.insert(url.clone()) {
                ahead.push(url);
            }
        }
        pages.extend(addresses(sitemap.pages).take(pages_max - pages.len()));
    }
    pages
}

fn parse(body: &[u8]) -> Sitemap {
    let mut text = Vec::new();
    let read = if body.starts_with(&GZIP_MAGIC) {
        // One byte more than is allowed shows that it is too large.
        GzDecoder::new(body)
            .take(BYTES_MAX as u64 + 1)
            .read_to_end(&mut text)
            .map(|_| text.as_slice())
    } else {
        Ok(body)
    };
    match read {
        Ok(xml) if xml.len() <= BYTES_MAX => quick_xml::de::from_reader(xml).unwrap_or_default(),
        Ok(_) | Err(_) => Sitemap::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const URLSET: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
          <url><loc> https://shop.example/a?b=1&amp;c=2 </loc><lastmod>2026-01-01</lastmod>
            <image:image><image:loc>https://shop.example/a.png</image:loc></image:image></url>
          <url><loc>https://shop.example/b</loc></url>
        </urlset>"#;

    fn listed(body: &[u8]) -> (Vec<String>, Vec<String>) {
        let sitemap = parse(body);
        let texts = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.loc.trim().to_owned()).collect();
        (texts(sitemap.pages), texts(sitemap.sitemaps))
    }

    #[test]
    fn pages_are_listed_plain_and_compressed() {
        let expected = vec![
            "https://shop.example/a?b=1&c=2".to_owned(),
            "https://shop.example/b".to_owned(),
        ];
        assert_eq!(listed(URLSET.as_bytes()), (expected.clone(), vec![]));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(URLSET.as_bytes()).expect("memory");
        assert_eq!(listed(&packed.finish().expect("memory")), (expected, vec![]));
    }

    #[test]
    fn an_index_lists_sitemaps() {
        let index = "<sitemapindex><sitemap><loc>https://shop.example/s1.xml.gz</loc></sitemap></sitemapindex>";
        assert_eq!(
            listed(index.as_bytes()),
            (vec![], vec!["https://shop.example/s1.xml.gz".to_owned()])
        );
    }

    #[test]
    fn what_is_no_sitemap_lists_nothing() {
        for body in [
            &b""[..],
            b"<html><body>Not found</body></html>",
            b"\x1f\x8bnope",
            b"<urlset><url>",
        ] {
            assert_eq!(listed(body), (vec![], vec![]));
        }
    }
}
