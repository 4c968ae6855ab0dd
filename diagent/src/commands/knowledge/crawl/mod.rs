//! `diagent knowledge crawl`: a site's own pages become knowledge.
//!
//! The crawl runs here, beside its operator, and puts pages through the API like anybody else. What it must remember of a page
//! (its hash, its `ETag`) stands in the page's event, so a second run, on any machine, fetches and stores only what changed.

mod address;
mod fetch;
mod frontier;
pub(super) mod page;
mod robots;
mod scope;
mod sitemap;
mod summary;
pub(super) mod title;
mod visit;

use std::{
    collections::HashSet,
    path::PathBuf,
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use events::{AgentId, Position};
use futures::{StreamExt as _, stream::FuturesUnordered};
use indicatif::ProgressBar;
use serde_json::Value;
use url::Url;

use self::{
    fetch::{Fetcher, Validators},
    frontier::Frontier,
    robots::Robots,
    scope::Scope,
    summary::Summary,
    visit::{Visit, Visits},
};
use super::{list, wait};
use crate::{
    commands::{
        api::{Api, ApiArgs},
        bar,
    },
    infra::InfraArgs,
    print,
};

/// Crawl a site into an agent's knowledge: its sitemap and links, on one host beneath one path.
#[derive(Debug, clap::Args)]
pub struct Crawl {
    #[arg(long)]
    agent: AgentId,
    /// Where to begin; pages beside it and beneath belong to the crawl
    #[arg(long)]
    url: Url,
    /// Pages at most
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_pages: u32,
    /// Requests at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    concurrency: u8,
    /// From one request to the next; `robots.txt` may ask for more
    #[arg(long, default_value_t = 20)]
    delay_ms: u64,
    /// Let the crawl go to addresses of this machine and its networks
    #[arg(long)]
    allow_private: bool,
    /// Return when the pages can be found by their words; their meaning is embedded afterwards
    #[arg(long)]
    no_wait: bool,
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Crawl {
    /// Crawls, waits until everything can be found, and says what was done.
    ///
    /// # Errors
    /// The site cannot be reached, the API refuses, or the crawl is interrupted.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let began = Instant::now();
        let api = Api::new(self.api.clone(), infra)?;
        let visits = self.prepare(&api).await?;
        let file = self.state_file(&infra.data_dir, &visits);
        let mut frontier = Frontier::resume(visits.scope.clone(), self.pages_max(), file)
            .context("the state of the last run cannot be read")?;
        self.seed(&visits, &mut frontier).await;
        let (summary, position) = self.visit_all(&visits, &mut frontier).await?;
        let left_out = frontier.left_out();
        if left_out == 0 {
            frontier.finish()?;
        } else {
            frontier.save()?;
        }
        let took = began.elapsed();
        if !self.json {
            summary.print(left_out, took);
        }
        let knowledge = self.wait(&api, position).await?;
        if self.json {
            print::json(&summary.json(left_out, took, &knowledge));
        }
        Ok(())
    }

    /// Finds out what the site allows, and what the agent knows.
    async fn prepare<'a>(&self, api: &'a Api) -> anyhow::Result<Visits<'a>> {
        ensure!(
            matches!(self.url.scheme(), "http" | "https"),
            "--url must be an http or https address"
        );
        let private = self.allow_private.then(|| self.url.clone());
        let mut fetcher = Fetcher::new(private, Duration::from_millis(self.delay_ms))?;
        let robots = Robots::of(&fetcher, &self.url).await;
        let robots = robots.with_context(|| format!("{} cannot be crawled", self.url))?;
        robots.ensure_allowed(&self.url)?;
        fetcher.slow_down(robots.delay());
        // A site may have its pages on another host (www), or scheme, than the one that people type.
        let first = fetcher.get(&self.url, &Validators::default(), 0, |_| false).await;
        let first = first.with_context(|| format!("{} cannot be crawled", self.url))?;
        if !first.status.is_success() {
            bail!("{} answers {}", self.url, first.status);
        }
        let robots = if first.url.origin() == self.url.origin() {
            robots
        } else {
            Robots::of(&fetcher, &first.url).await?
        };
        robots.ensure_allowed(&first.url)?;
        fetcher.slow_down(robots.delay());
        let pages = list::pages(api, self.agent).await?;
        Ok(Visits {
            api,
            path: format!("agents/{}/documents", self.agent),
            fetcher,
            robots,
            scope: Scope::around(&first.url),
            known: pages
                .iter()
                .filter_map(|page| page["url"].as_str().map(ToOwned::to_owned))
                .collect::<HashSet<_>>(),
        })
    }

    fn pages_max(&self) -> usize {
        usize::try_from(self.max_pages).unwrap_or(usize::MAX)
    }

    /// Where a crawl of the same pages for the same agent finds what this one left.
    fn state_file(&self, data_dir: &std::path::Path, visits: &Visits<'_>) -> PathBuf {
        let name: String = visits
            .scope
            .start()
            .as_str()
            .chars()
            .map(|char| if char.is_alphanumeric() { char } else { '-' })
            .take(100)
            .collect();
        data_dir.join("crawls").join(format!("{}-{name}.txt", self.agent))
    }

    async fn seed(&self, visits: &Visits<'_>, frontier: &mut Frontier) {
        frontier.add(visits.scope.start(), true, false);
        for url in visits.known.iter().filter_map(|url| Url::parse(url).ok()) {
            frontier.add(&url, false, false);
        }
        let sitemaps = visits.robots.sitemaps(visits.scope.start());
        for url in sitemap::pages(&visits.fetcher, sitemaps, self.pages_max()).await {
            frontier.add(&url, false, false);
        }
    }

    /// Visits page after page, some at the same time; answers with where the last write stands.
    async fn visit_all(
        &self,
        visits: &Visits<'_>,
        frontier: &mut Frontier,
    ) -> anyhow::Result<(Summary, Option<Position>)> {
        let bar = self.bar("{pos}/{len} pages  {wide_bar}  {rate}  {msg}");
        let (mut summary, mut last) = (Summary::default(), None::<Position>);
        let mut running = FuturesUnordered::new();
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            while running.len() < usize::from(self.concurrency)
                && let Some(target) = frontier.next()
            {
                running.push(visits.visit(target));
            }
            let done = tokio::select! {
                done = running.next() => done,
                interrupted = &mut interrupted => {
                    interrupted?;
                    frontier.save()?;
                    bail!("interrupted; the same command goes on");
                }
            };
            let Some(Visit {
                url,
                links,
                canonical,
                position,
                ..
            }) = done.inspect(|visit| summary.count(visit))
            else {
                break;
            };
            if let Some(canonical) = canonical {
                frontier.add(&canonical, false, true);
            }
            frontier.visited(&url, &links)?;
            last = last
                .into_iter()
                .chain(position)
                .max_by_key(|position| position.sequence);
            bar.set_length(frontier.known() as u64);
            bar.inc(1);
            bar.set_message(url.path().to_owned());
        }
        bar.finish_and_clear();
        Ok((summary, last))
    }

    async fn wait(&self, api: &Api, position: Option<Position>) -> anyhow::Result<Value> {
        let began = Instant::now();
        let knowledge = wait::until_indexed(api, self.agent, position).await?;
        let say = |text: String| {
            if !self.json {
                print::line(text);
            }
        };
        say(format!(
            "{} pages, {} passages: searchable by words after {:.1} s",
            knowledge["documents"],
            knowledge["chunks"],
            began.elapsed().as_secs_f64()
        ));
        if self.no_wait {
            return Ok(knowledge);
        }
        let bar = self.bar("{pos}/{len} passages embedded  {wide_bar}  {rate}  {eta}");
        let knowledge = wait::until_embedded(api, self.agent, &bar).await?;
        bar.finish_and_clear();
        match knowledge["embedding_model"].as_str() {
            Some(model) => say(format!(
                "searchable by meaning ({model}) after {:.1} s",
                began.elapsed().as_secs_f64()
            )),
            None => say("no embedding model is configured: pages are found by their words alone".to_owned()),
        }
        Ok(knowledge)
    }

    fn bar(&self, template: &str) -> ProgressBar {
        if self.json {
            ProgressBar::hidden()
        } else {
            bar::bar(template)
        }
    }
}
