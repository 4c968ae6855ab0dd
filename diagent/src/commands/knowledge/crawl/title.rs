//! A page's own title. A passage is embedded with its page's title, and the site's name in it makes all pages look alike.

/// What sites put between a page's name and their own.
const SEPARATORS: [&str; 9] = [" | ", " – ", " — ", " - ", " · ", " :: ", " » ", " « ", ": "];

/// A title with more of them is no title; each pair of them is looked at.
const SEPARATORS_MAX: usize = 16;

/// Of `title` the part that is the page's first `heading`; without such a part, all but the name of one of `sites`.
pub(super) fn without_site(title: &str, heading: &str, sites: &[String]) -> String {
    let title = title.trim();
    let cuts = cuts(title);
    if cuts.len() > SEPARATORS_MAX + 2 {
        return title.to_owned();
    }
    // A heading that is the site's name says nothing of the page.
    let is_site = sites.iter().any(|site| key(site) == key(heading));
    if !is_site && let Some((from, to)) = find(title, &cuts, heading) {
        return title[cuts[from].1..cuts[to].0].trim().to_owned();
    }
    let site = sites.iter().find_map(|site| find(title, &cuts, site));
    let rest = site.map(|(from, to)| {
        let before = &title[..cuts[from].0];
        let is_last = to + 1 == cuts.len();
        let is_first = from == 0;
        // In the middle, one of the two separators stays.
        let after = if is_first || is_last { cuts[to].1 } else { cuts[to].0 };
        format!("{before}{}", &title[after..]).trim().to_owned()
    });
    rest.filter(|rest| !rest.is_empty()).unwrap_or_else(|| title.to_owned())
}

/// The first `# heading` of a Markdown text, without its marks.
pub(in crate::commands::knowledge) fn of_markdown(text: &str) -> Option<String> {
    let mut fence: Option<&str> = None;
    for line in text.lines().map(str::trim_end) {
        match fence {
            Some(mark) if line.trim_start().starts_with(mark) => fence = None,
            Some(_) => {}
            None => {
                fence = ["```", "~~~"]
                    .into_iter()
                    .find(|mark| line.trim_start().starts_with(mark));
                let heading = line.strip_prefix("# ").map(without_marks);
                if let Some(heading) = heading.filter(|heading| !heading.is_empty()) {
                    return Some(heading);
                }
            }
        }
    }
    None
}

fn without_marks(heading: &str) -> String {
    let heading = heading.trim_end_matches('#');
    let id = heading.strip_suffix('}').and_then(|rest| rest.rsplit_once("{#"));
    let heading = id.map_or(heading, |(text, _)| text);
    heading.replace(['*', '`', '\\'], "").trim().to_owned()
}

/// Where the separators begin and end; the title's own ends are the first and the last of them.
fn cuts(title: &str) -> Vec<(usize, usize)> {
    let found = SEPARATORS
        .iter()
        .flat_map(|separator| title.match_indices(separator))
        .map(|(at, separator)| (at, at + separator.len()));
    let mut cuts: Vec<(usize, usize)> = found.collect();
    cuts.push((0, 0));
    cuts.push((title.len(), title.len()));
    cuts.sort_unstable();
    cuts
}

/// The two cuts that `wanted` stands between. Several parts may be one name: "FAQ: Refunds".
fn find(title: &str, cuts: &[(usize, usize)], wanted: &str) -> Option<(usize, usize)> {
    let wanted = key(wanted);
    let mut pairs = (0..cuts.len()).flat_map(|from| (from + 1..cuts.len()).map(move |to| (from, to)));
    let is_wanted = |part: &str| !wanted.is_empty() && key(part) == wanted;
    pairs.find(|(from, to)| title.get(cuts[*from].1..cuts[*to].0).is_some_and(is_wanted))
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_the_heading_is_the_title() {
        let table = [
            ("Repairs | Nordlicht Bikes", "repairs ", "Repairs"),
            ("Nordlicht Bikes – Repairs", "Repairs", "Repairs"),
            ("Help » Repairs » Nordlicht", "Repairs", "Repairs"),
            (
                "LilyPond Notation Reference: 2.1.3 Stanzas",
                "2.1.3 Stanzas",
                "2.1.3 Stanzas",
            ),
            ("FAQ: Repairs - Nordlicht", "FAQ: Repairs", "FAQ: Repairs"),
            ("Repairs :: Nordlicht", "Repairs", "Repairs"),
            ("Repairs | Nordlicht Bikes", "How we mend", "Repairs | Nordlicht Bikes"),
            ("Repairs", "Repairs", "Repairs"),
            ("Check-in", "in", "Check-in"),
            ("", "Repairs", ""),
        ];
        for (title, heading, expected) in table {
            assert_eq!(without_site(title, heading, &[]), expected, "{title}");
        }
    }

    #[test]
    fn markdown_is_called_by_its_first_heading() {
        let table = [
            (
                "Intro.\n\n# The **whole** story {#top}\n\n# More",
                Some("The whole story"),
            ),
            ("```sh\n# a comment\n```\n# Story #", Some("Story")),
            ("## Part\n#hashtag\n# ", None),
        ];
        for (text, expected) in table {
            assert_eq!(of_markdown(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_sites_name_is_left_out() {
        let sites = ["Nordlicht Bikes".to_owned()];
        let table = [
            ("Repairs | Nordlicht Bikes", "Repairs"),
            ("nordlicht bikes: Repairs", "Repairs"),
            ("Repairs | Nordlicht Bikes | Kiel", "Repairs | Kiel"),
            ("Repairs – FAQ · Nordlicht Bikes", "Repairs – FAQ"),
            ("Nordlicht Bikes", "Nordlicht Bikes"),
            ("All about Nordlicht Bikes", "All about Nordlicht Bikes"),
        ];
        for (title, expected) in table {
            assert_eq!(without_site(title, "We mend", &sites), expected, "{title}");
        }
        assert_eq!(
            without_site("Repairs | Nordlicht Bikes", "Nordlicht Bikes", &sites),
            "Repairs"
        );
    }
}
