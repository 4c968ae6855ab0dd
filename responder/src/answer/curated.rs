//! Answers that the site's team wrote itself: curated behaviour rules, matched before anything is looked up.

use events::{
    agent::{BehaviorRule, CuratedAnswer, RuleConditions, normalise},
    conversation::Role,
};
use url::Url;

use crate::turn::Question;

/// The curated answer of the highest priority whose conditions all hold; of several the first of the definition.
pub(super) fn find<'a>(question: &Question<'a>) -> Option<&'a CuratedAnswer> {
    let asked = normalise(question.turn.question.expose());
    if asked.is_empty() {
        return None;
    }
    let page = question
        .turn
        .page_url
        .as_ref()
        .and_then(|url| Url::parse(url.expose()).ok());
    let earlier = question.history.iter().filter(|message| message.role == Role::Visitor);
    let messages = u32::try_from(1 + earlier.count()).unwrap_or(u32::MAX);
    let holds = |rule: &&BehaviorRule| {
        let RuleConditions {
            intent_keywords,
            url_patterns,
            message_count,
            ..
        } = &rule.conditions;
        let questions = rule
            .curated()
            .map(|curated| curated.questions.as_slice())
            .unwrap_or_default();
        let is_meant = questions.iter().any(|question| normalise(question) == asked)
            || intent_keywords.iter().any(|keyword| mentions(&asked, keyword));
        let is_here = url_patterns.is_empty()
            || page
                .as_ref()
                .is_some_and(|page| url_patterns.iter().any(|pattern| is_on(page, pattern)));
        is_meant && is_here && message_count.is_none_or(|least| messages >= least)
    };
    let curated = question
        .agent
        .behavior_rules
        .iter()
        .filter(|rule| rule.curated().is_some());
    let mut matching: Vec<&BehaviorRule> = curated.filter(holds).collect();
    matching.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    matching.first().and_then(|rule| rule.curated())
}

/// Whether the words of `keyword` follow each other in `asked`, which is normalised.
fn mentions(asked: &str, keyword: &str) -> bool {
    let words = normalise(keyword);
    let before = if keyword.starts_with('*') { "" } else { " " };
    let after = if keyword.ends_with('*') { "" } else { " " };
    !words.is_empty() && format!(" {asked} ").contains(&format!("{before}{words}{after}"))
}

/// Whether `page` is one that `pattern` means.
fn is_on(page: &Url, pattern: &str) -> bool {
    if pattern.starts_with('/') {
        fits(page.path(), pattern)
    } else {
        let mut bare = page.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        fits(bare.as_str(), pattern)
    }
}

/// Whether `text` is `pattern`, whose `*` stand for anything.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    // The earliest place for each piece leaves the most for those that follow; the last one must be the end.
    let (middle, last) = rest
        .rsplit_once('*')
        .map_or(("", rest), |(middle, last)| (middle, last));
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(found) => text = &text[found + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_as_whole_words() {
        let table = [
            ("Are you OPEN, today?", "open today", true),
            ("Are you open today?", "today open", false),
            ("I want a refund!", "refund", true),
            ("Are refunds possible?", "refund", false),
            ("Are refunds possible?", "refund*", true),
            ("这个价格是多少", "*价格*", true),
            ("What is the price", "*", false),
        ];
        for (asked, keyword, expected) in table {
            assert_eq!(mentions(&normalise(asked), keyword), expected, "{keyword} in {asked}");
        }
    }

    #[test]
    fn a_page_is_meant_by_path_or_address() {
        let page = Url::parse("https://shop.example/de/pricing?from=ad#plans").expect("an address");
        let table = [
            ("/de/pricing", true),
            ("/de/pricing*", true),
            ("/*/pricing", true),
            ("/*/pri*ng", true),
            ("/de", false),
            ("/pricing", false),
            ("/*/refunds", false),
            ("https://shop.example/*", true),
            ("https://shop.example/de/pricing", true),
            ("https://other.example/*", false),
            ("/*", true),
        ];
        for (pattern, expected) in table {
            assert_eq!(is_on(&page, pattern), expected, "{pattern}");
        }
    }
}
