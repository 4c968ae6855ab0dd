//! What is still to be visited. It is written to a file now and then, so that a crawl that broke off goes on.

use std::{
    collections::{HashSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};

use url::Url;

use super::scope::Scope;

/// The file is written after so many visits.
const VISITS_PER_SAVE: usize = 25;

/// A page that is to be visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Its links are not known yet: it is fetched whole, even if it has not changed.
    pub(super) is_whole: bool,
    /// Another page says that this one is its canonical address.
    pub(super) is_canonical: bool,
}

/// Addresses, each once.
#[derive(Debug)]
pub(super) struct Frontier {
    scope: Scope,
    ahead: VecDeque<Target>,
    running: Vec<Url>,
    seen: HashSet<Url>,
    file: PathBuf,
    visits: usize,
    pages_max: usize,
    started: usize,
}

impl Frontier {
    /// At most `pages_max` pages in `scope`; with what `file` still holds of a crawl that broke off.
    ///
    /// # Errors
    /// The file is there but cannot be read.
    pub(super) fn resume(scope: Scope, pages_max: usize, file: PathBuf) -> io::Result<Self> {
        let saved = match fs::read_to_string(&file) {
            Ok(saved) => saved,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut frontier = Self {
            scope,
            ahead: VecDeque::new(),
            running: Vec::new(),
            seen: HashSet::new(),
            file,
            visits: 0,
            pages_max,
            started: 0,
        };
        for url in saved.lines().filter_map(|line| Url::parse(line).ok()) {
            frontier.add(&url, true, false);
        }
        Ok(frontier)
    }

    /// Notes `url`, if it belongs to the crawl and is new.
    pub(super) fn add(&mut self, url: &Url, is_whole: bool, is_canonical: bool) {
        if let Some(url) = self.scope.take(url)
            && self.seen.insert(url.clone())
        {
            self.ahead.push_back(Target {
                url,
                is_whole,
                is_canonical,
            });
        }
    }

    /// Takes the next page, unless the limit is reached.
    pub(super) fn next(&mut self) -> Option<Target> {
        if self.started == self.pages_max {
            return None;
        }
        let target = self.ahead.pop_front()?;
        self.started += 1;
        self.running.push(target.url.clone());
        Some(target)
    }

    /// Notes that `url` was visited, and what it links to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn visited(&mut self, url: &Url, links: &[Url]) -> io::Result<()> {
        for link in links {
            self.add(link, false, false);
        }
        self.running.retain(|running| running != url);
        self.visits += 1;
        if self.visits.is_multiple_of(VISITS_PER_SAVE) {
            self.save()?;
        }
        Ok(())
    }

    /// Pages known so far, within the limit.
    pub(super) fn known(&self) -> usize {
        self.seen.len().min(self.pages_max)
    }

    /// Pages that the limit leaves out.
    pub(super) fn left_out(&self) -> usize {
        if self.started == self.pages_max {
            self.ahead.len()
        } else {
            0
        }
    }

    /// Writes what is still to be done.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn save(&self) -> io::Result<()> {
        let urls = self.running.iter().chain(self.ahead.iter().map(|target| &target.url));
        let lines: Vec<&str> = urls.map(Url::as_str).collect();
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = self.file.with_extension("new");
        fs::write(&beside, lines.join("\n"))?;
        fs::rename(beside, &self.file)
    }

    /// Nothing is left to do.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn finish(self) -> io::Result<()> {
        remove(&self.file)
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_under_way_is_done_again_and_whole() {
        let folder = std::env::temp_dir().join(format!("diagent-frontier-{}", std::process::id()));
        let file = folder.join("crawl.txt");
        let url = |path: &str| {
            Url::parse("https://x.example/")
                .and_then(|base| base.join(path))
                .expect("an address")
        };
        let open = || Frontier::resume(Scope::around(&url("")), 3, file.clone()).expect("a file");
        let mut first = open();
        for path in ["a", "b", "a#x", "c", "d"] {
            first.add(&url(path), false, false);
        }
        assert_eq!(
            (first.next().expect("a").url, first.next().expect("b").url),
            (url("a"), url("b"))
        );
        first.visited(&url("a"), &[url("e"), url("b")]).expect("a file");
        first.save().expect("a file");
        assert_eq!(
            (first.next().expect("c").url, first.next(), first.left_out()),
            (url("c"), None, 2)
        );

        let mut again = open();
        let next = again.next().expect("b");
        assert_eq!(
            next,
            Target {
                url: url("b"),
                is_whole: true,
                is_canonical: false
            }
        );
        assert_eq!(again.known(), 3);
        again.finish().expect("a file");
        assert_eq!(open().next(), None);
        std::fs::remove_dir_all(folder).expect("a folder");
    }
}
