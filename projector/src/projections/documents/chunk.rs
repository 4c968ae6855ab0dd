//! Cutting a page into passages: never across a heading, 120 to 200 words where the page allows it, between paragraphs if
//! possible and between sentences if not. Each passage knows the headings above it and where it can be linked to.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// A passage is closed once it has this many words and the next paragraph would not fit.
const WORDS_MIN: usize = 120;
const WORDS_MAX: usize = 200;

/// A short beginning takes the next paragraph in up to here.
const WORDS_LIMIT: usize = 260;

/// Bytes of a passage: a text with longer words is no prose (a table's row, encoded data) and is cut anywhere.
const BYTES_MAX: usize = 3_000;

/// Between the headings of a path.
const SEPARATOR: &str = " > ";

/// One passage of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The headings above it, outermost first; the page's title is not repeated.
    pub(super) heading: String,
    /// The id that the innermost heading has on its page, or the one that renderers of Markdown give it; empty before the
    /// first, and where the page has none for it.
    pub(super) anchor: String,
    /// Markdown.
    pub(super) content: String,
    /// Of the page's title, the heading and the content: what is embedded.
    pub(super) hash: [u8; HASH_BYTES],
}

/// Bytes of a hash: enough that two passages never meet by chance.
const HASH_BYTES: usize = 16;

/// The passages of a page, in its order.
pub(super) fn chunks(title: &str, markdown: &str) -> Vec<Chunk> {
    let mut cutter = Cutter {
        title: title.trim(),
        ..Cutter::default()
    };
    let mut fence: Option<&str> = None;
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        match fence {
            Some(mark) if line.trim_start().starts_with(mark) => fence = None,
            Some(_) => {}
            None => {
                fence = ["```", "~~~"]
                    .into_iter()
                    .find(|mark| line.trim_start().starts_with(mark));
                if let Some((level, text)) = heading(line) {
                    cutter.heading(level, text);
                    continue;
                }
                let underline = lines.peek().and_then(|next| underline_level(line, next));
                if let Some(level) = underline {
                    lines.next();
                    cutter.heading(level, line.trim());
                    continue;
                }
            }
        }
        if line.trim().is_empty() && fence.is_none() {
            cutter.end_block();
        } else {
            cutter.line(line);
        }
    }
    cutter.end_section();
    cutter.chunks
}

/// A page under way.
#[derive(Default)]
struct Cutter<'a> {
    title: &'a str,
    /// Level and text of the headings above.
    path: Vec<(usize, String)>,
    anchor: String,
    /// How often each anchor was given.
    anchors: HashMap<String, usize>,
    /// Lines of the paragraph, list, table or code under way.
    block: Vec<&'a str>,
    /// Paragraphs of the passage under way.
    passage: Vec<String>,
    /// How many words they have: counted once, for a page may be one long list.
    passage_words: usize,
    chunks: Vec<Chunk>,
}

impl<'a> Cutter<'a> {
    fn heading(&mut self, level: usize, markdown: &str) {
        self.end_section();
        let (markdown, id) = with_id(markdown);
        let text = plain(markdown);
        self.path.retain(|(above, _)| *above < level);
        self.anchor = id.map_or_else(|| self.anchor_of(&text), str::to_owned);
        self.path.push((level, text));
    }

    /// Like GitHub: a repeated heading gets a number.
    fn anchor_of(&mut self, text: &str) -> String {
        let slug = slug(text);
        let given = self.anchors.entry(slug.clone()).or_default();
        *given += 1;
        if *given == 1 {
            slug
        } else {
            format!("{slug}-{}", *given - 1)
        }
    }

    fn line(&mut self, line: &'a str) {
        self.block.push(line.trim_end());
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block).join("\n");
        for part in parts(&block) {
            let (standing, coming) = (self.passage_words, words(&part));
            let length: usize = self.passage.iter().map(String::len).sum();
            let is_full = standing >= WORDS_MIN && standing + coming > WORDS_MAX;
            if is_full || standing + coming > WORDS_LIMIT || (length > 0 && length + part.len() > BYTES_MAX) {
                self.end_passage();
            }
            self.passage_words += coming;
            self.passage.push(part);
        }
    }

    fn end_passage(&mut self) {
        let content = std::mem::take(&mut self.passage).join("\n\n");
        self.passage_words = 0;
        if content.trim().is_empty() {
            return;
        }
        let path: Vec<&str> = self
            .path
            .iter()
            .map(|(_, text)| text.as_str())
            .filter(|text| !text.is_empty() && *text != self.title)
            .collect();
        let heading = path.join(SEPARATOR);
        let hash = hash([self.title, &heading, &content]);
        // Twice the same under the same headings is once.
        if self.chunks.iter().any(|chunk| chunk.hash == hash) {
            return;
        }
        self.chunks.push(Chunk {
            heading,
            anchor: self.anchor.clone(),
            content,
            hash,
        });
    }

    fn end_section(&mut self) {
        self.end_block();
        self.end_passage();
    }
}

fn hash(parts: [&str; 3]) -> [u8; HASH_BYTES] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update([0]);
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&hasher.finalize()[..HASH_BYTES]);
    hash
}

/// `## Text ##`.
fn heading(line: &str) -> Option<(usize, &str)> {
    let line = line
        .strip_prefix("   ")
        .or_else(|| line.strip_prefix("  "))
        .or_else(|| line.strip_prefix(' '))
        .unwrap_or(line);
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_heading = (1..=6).contains(&level) && (text.is_empty() || text.starts_with([' ', '\t']));
    is_heading.then(|| (level, text.trim().trim_end_matches('#').trim_end()))
}

/// `Text {#id}`: the id that the heading has on its page; `Text {#}` when it has none there, and is not to get one.
fn with_id(heading: &str) -> (&str, Option<&str>) {
    let id = heading
        .strip_suffix('}')
        .and_then(|rest| rest.rsplit_once("{#"))
        .filter(|(_, id)| !id.contains([' ', '{', '}']));
    id.map_or((heading, None), |(text, id)| (text.trim_end(), Some(id)))
}

/// The level of a heading that the next line underlines.
fn underline_level(line: &str, next: &str) -> Option<usize> {
    let next = next.trim_end();
    let is_text = !line.trim().is_empty() && !line.starts_with(['|', '>', '-', '*', '+', '#']);
    let all = |mark: char| next.len() >= 3 && next.chars().all(|char| char == mark);
    match () {
        () if is_text && all('=') => Some(1),
        () if is_text && all('-') => Some(2),
        () => None,
    }
}

/// A block as it is, or cut between sentences (lines, where it has several) when it is too long for one passage.
fn parts(block: &str) -> Vec<String> {
    if block.trim().is_empty() {
        return Vec::new();
    }
    if fits(block) {
        return vec![block.to_owned()];
    }
    let mut parts: Vec<String> = Vec::new();
    let (mut part, mut standing) = (String::new(), 0);
    for piece in pieces(block) {
        let coming = words(piece);
        let is_over = standing + coming > WORDS_MAX || part.len() + piece.len() > BYTES_MAX;
        if !part.trim().is_empty() && is_over {
            parts.push(part.trim_end().to_owned());
            (part, standing) = (String::new(), 0);
        }
        // Two halves of what has no space between them are one word.
        let is_joined = part.ends_with(is_ink) && piece.starts_with(is_ink);
        standing += coming - usize::from(is_joined);
        part.push_str(piece);
    }
    parts.push(part.trim_end().to_owned());
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Lines and sentences with what separates them; none longer than a passage.
fn pieces(block: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for sentence in block.split_inclusive('\n').flat_map(sentences) {
        let mut rest = sentence;
        while !fits(rest) {
            let by_words = rest
                .match_indices(char::is_whitespace)
                .nth(WORDS_MAX - 1)
                .map(|(end, space)| end + space.len());
            let end = by_words.unwrap_or(rest.len()).min(rest.floor_char_boundary(BYTES_MAX));
            let (piece, left) = rest.split_at(end);
            pieces.push(piece);
            rest = left;
        }
        pieces.push(rest);
    }
    pieces
}

/// Cuts after `.`, `!` or `?` and a space, and after their full-width relatives.
fn sentences(line: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut chars = line.char_indices().peekable();
    while let Some((_, char)) = chars.next() {
        let Some((next, following)) = chars.peek().copied() else {
            break;
        };
        let ends = matches!(char, '。' | '！' | '？');
        let ends_before_space = matches!(char, '.' | '!' | '?') && following == ' ';
        if ends || ends_before_space {
            let end = if following == ' ' { next + 1 } else { next };
            sentences.push(&line[start..end]);
            start = end;
        }
    }
    sentences.push(&line[start..]);
    sentences
}

/// Whether it is short enough for one passage; looks no further than it has to.
fn fits(text: &str) -> bool {
    text.len() <= BYTES_MAX && text.split_whitespace().nth(WORDS_MAX).is_none()
}

fn is_ink(char: char) -> bool {
    !char.is_whitespace()
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The text of a heading without the marks of emphasis, code and links.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(start) = rest.find('[') {
        let (before, link) = rest.split_at(start);
        text.push_str(before);
        let target = link
            .find("](")
            .and_then(|middle| Some((middle, link[middle..].find(')')? + middle)));
        if let Some((middle, end)) = target {
            text.push_str(&link[1..middle]);
            rest = &link[end + 1..];
        } else {
            text.push('[');
            rest = &link[1..];
        }
    }
    text.push_str(rest);
    text.replace(['*', '`', '\\'], "").trim().to_owned()
}

/// The id that GitHub and most renderers give a heading: lower case, spaces become hyphens, punctuation goes.
fn slug(text: &str) -> String {
    text.trim()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            '-' | '_' => Some(char),
            _ if char.is_alphanumeric() => Some(char),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
