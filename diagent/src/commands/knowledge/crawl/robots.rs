//! `robots.txt` (RFC 9309): where the site does not want a crawl, how slow it wants it, and where its sitemaps are.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use texting_robots::Robot;
use url::Url;

use super::fetch::{Fetcher, Validators};

/// What the file may call this crawl.
const NAME: &str = "diagent";

/// The RFC asks to read at least so much.
const BYTES_MAX: usize = 512 * 1_024;

/// Who asks for more would make a crawl of a thousand pages take days.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// What the site asks for.
pub(super) struct Robots(Robot);

impl Robots {
    /// Asks the site of `start`. A site without the file allows everything.
    ///
    /// # Errors
    /// The site cannot be reached, or has an error of its own: then nothing is allowed, as the RFC has it.
    pub(super) async fn of(fetcher: &Fetcher, start: &Url) -> anyhow::Result<Self> {
        let url = start.join("/robots.txt")?;
        let answer = fetcher.get(&url, &Validators::default(), BYTES_MAX, |_| true).await;
        let answer = answer.with_context(|| format!("{url} cannot be read"))?;
        if answer.status.is_server_error() {
            bail!("{url} answers {}, so the site is left alone", answer.status);
        }
        Self::parse(&answer.body)
    }

    fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let robot = Robot::new(NAME, text).map_err(|error| anyhow!("robots.txt cannot be read: {error}"))?;
        Ok(Self(robot))
    }

    pub(super) fn allows(&self, url: &Url) -> bool {
        self.0.allowed(url.as_str())
    }

    /// For the page that a crawl begins with.
    ///
    /// # Errors
    /// The site does not want it to be crawled.
    pub(super) fn ensure_allowed(&self, url: &Url) -> anyhow::Result<()> {
        ensure!(self.allows(url), "{url} cannot be crawled: robots.txt forbids it");
        Ok(())
    }

    /// From one request to the next.
    pub(super) fn delay(&self) -> Duration {
        let seconds = self.0.delay.unwrap_or_default();
        Duration::try_from_secs_f32(seconds).unwrap_or_default().min(DELAY_MAX)
    }

    /// Those that it names, and the usual one.
    pub(super) fn sitemaps(&self, start: &Url) -> Vec<Url> {
        let named = self.0.sitemaps.iter().filter_map(|text| Url::parse(text).ok());
        let mut sitemaps: Vec<Url> = named.collect();
        if sitemaps.is_empty() {
            sitemaps.extend(start.join("/sitemap.xml"));
        }
        sitemaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_this_crawler_counts() {
        let text = b"User-agent: *\nDisallow: /\n\nUser-agent: diagent\nDisallow: /admin\nCrawl-delay: 99\n\nSitemap: https://x.example/s.xml";
        let robots = Robots::parse(text).expect("a file");
        let url = |path: &str| {
            Url::parse("https://x.example")
                .and_then(|base| base.join(path))
                .expect("an address")
        };
        assert!(robots.allows(&url("/docs")) && !robots.allows(&url("/admin/x")));
        assert!(robots.ensure_allowed(&url("/")).is_ok() && robots.ensure_allowed(&url("/admin/")).is_err());
        assert_eq!(robots.delay(), DELAY_MAX);
        assert_eq!(robots.sitemaps(&url("/")), [url("/s.xml")]);
        let none = Robots::parse(b"").expect("a file");
        assert!(none.allows(&url("/admin")) && none.delay().is_zero());
        assert_eq!(none.sitemaps(&url("/docs/")), [url("/sitemap.xml")]);
    }
}
