//! `diagent knowledge put`

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use events::{AgentId, Position};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{
    crawl::{page, title},
    isolated::isolated,
    pdf, wait,
};
use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
    print,
};

/// Put files (HTML, Markdown, text or PDF) into an agent's knowledge.
#[derive(Debug, clap::Args)]
pub struct Put {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[arg(long)]
    agent: AgentId,
    /// The address that citations open; when it ends with a slash, each file's name is added to it
    #[arg(long)]
    url: Url,
    /// The page's title; without it, that of the HTML, the first heading, or the file's name
    #[arg(long)]
    title: Option<String>,
    /// Return when the pages are stored; they can be found a little later
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Put {
    /// Puts one file after the other, whatever becomes of the one before; a page that has not changed is not stored again.
    /// Returns when they can be found by their words.
    ///
    /// # Errors
    /// A file cannot be read, or the API refuses.
    pub async fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let several = self.files.len() > 1;
        ensure!(
            !several || (self.url.path().ends_with('/') && self.title.is_none()),
            "several files need a --url that ends with a slash, and no --title"
        );
        let api = Api::new(self.api.clone(), infra)?;
        let (mut last, mut failed) = (None::<Position>, 0);
        for file in &self.files {
            match self.put(&api, file).await {
                Ok(position) => {
                    last = last
                        .into_iter()
                        .chain(position)
                        .max_by_key(|position| position.sequence);
                }
                Err(error) if !several => return Err(error),
                Err(error) => {
                    failed += 1;
                    print::line(format!("{} failed: {error:#}", file.display()));
                }
            }
        }
        if last.is_some() && !self.no_wait {
            wait::until_indexed(&api, self.agent, last).await?;
        }
        let all = self.files.len();
        if several {
            print::line(format!("{} of {all} files are known, {failed} failed", all - failed));
        }
        ensure!(failed == 0, "{failed} of {all} files are not known");
        Ok(())
    }

    /// Answers with where the page stands in the log.
    async fn put(&self, api: &Api, file: &Path) -> anyhow::Result<Option<Position>> {
        let url = address(&self.url, file)?;
        let body = body(file, &url, self.title.as_deref()).await?;
        let path = format!("agents/{}/documents", self.agent);
        let answer = api.call((Side::Command, Method::PUT), &path, &[], Some(&body)).await?;
        print::line(format!("{url} is known"));
        Ok(Api::position(&answer))
    }
}

fn address(base: &Url, file: &Path) -> anyhow::Result<Url> {
    if !base.path().ends_with('/') {
        return Ok(base.clone());
    }
    let name = file
        .file_name()
        .with_context(|| format!("{} is no file", file.display()))?;
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(&name.to_string_lossy());
    }
    Ok(url)
}

async fn body(file: &Path, url: &Url, title: Option<&str>) -> anyhow::Result<Value> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
    let unreadable = || format!("cannot read {}", file.display());
    let (kind, text) = match ending.to_str() {
        Some("pdf") => (
            "text",
            isolated(move || pdf::text(&bytes))
                .await
                .with_context(unreadable)?
                .with_context(unreadable)?,
        ),
        Some("html" | "htm") => ("html", page::decode(&bytes, "")),
        _ => (
            "text",
            String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))?,
        ),
    };
    let own = match (title, kind) {
        (Some(title), _) => Some(title.to_owned()),
        (None, "html") => Some(page::parse(url, &text, "").title).filter(|title| !title.is_empty()),
        (None, _) => title::of_markdown(&text),
    };
    let name = file.file_stem().map(|name| name.to_string_lossy().into_owned());
    Ok(json!({ "url": url.as_str(), "title": own.or(name), kind: text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_address_gets_the_files_name() {
        let of = |base: &str, file| {
            let base = Url::parse(base).expect("an address");
            address(&base, Path::new(file)).expect("an address").to_string()
        };
        assert_eq!(
            of("https://shop.example/help/", "docs/returns.html"),
            "https://shop.example/help/returns.html"
        );
        assert_eq!(of("https://shop.example/", "a b.md"), "https://shop.example/a%20b.md");
        assert_eq!(
            of("https://shop.example/help", "docs/returns.html"),
            "https://shop.example/help"
        );
    }
}
