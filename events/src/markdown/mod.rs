//! What the Markdown of an answer may hold, whoever wrote it: a model, while it streams, or a site's team. Nothing in it may
//! run in the page of the site that shows it.

mod tags;
mod targets;

pub use self::{tags::Tags, targets::Targets};

/// What stands for a target that is left out.
pub const LEFT_OUT: char = '…';

/// Whether no link of `text` opens anything but pages, mail and telephone.
pub fn has_safe_links(text: &str) -> bool {
    let mut targets = Targets::default();
    targets.push(text) + &targets.finish() == text
}

/// Whether no reader takes anything in `text` for HTML.
pub fn has_no_tags(text: &str) -> bool {
    let mut tags = Tags::default();
    tags.push(text) + &tags.finish() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_text_is_judged_like_one_that_streams() {
        assert!(has_safe_links("Until [six](/hours).") && has_no_tags("Until 6 < 7."));
        assert!(!has_safe_links("[here](javascript:alert(1))"));
        assert!(!has_no_tags("<b>Until six.</b>") && !has_no_tags("<javascript:alert(1)>"));
    }
}
