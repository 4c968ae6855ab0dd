//! The pages of the demo site: each is a fragment of HTML within one frame.

use super::AGENT_ID;

const FRAME: &str = include_str!("assets/frame.html");
const NOT_FOUND: &str = include_str!("assets/pages/not-found.html");

/// One page of the site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) path: &'static str,
    title: &'static str,
    /// For search engines.
    description: &'static str,
    body: &'static str,
}

/// All pages. What stands here is served, and known to the agent.
pub(super) const PAGES: [Page; 6] = [
    Page {
        path: "/",
        title: "Outdoor gear on loan",
        description: "Rent tents, sleeping bags, packs and waterproofs by post, anywhere in mainland Britain.",
        body: include_str!("assets/pages/home.html"),
    },
    Page {
        path: "/pricing",
        title: "Pricing",
        description: "What gear, kits and damage cover cost, and how to pay less.",
        body: include_str!("assets/pages/pricing.html"),
    },
    Page {
        path: "/shipping",
        title: "Shipping and returns",
        description: "When your parcel arrives, where we deliver, and how the gear comes back.",
        body: include_str!("assets/pages/shipping.html"),
    },
    Page {
        path: "/refunds",
        title: "Refunds and cancellations",
        description: "Cancel, move your dates, or get your money back.",
        body: include_str!("assets/pages/refunds.html"),
    },
    Page {
        path: "/faq",
        title: "Questions and answers",
        description: "What people ask before their first rental.",
        body: include_str!("assets/pages/faq.html"),
    },
    Page {
        path: "/contact",
        title: "Contact",
        description: "Our depot, our hours, and how to reach a person.",
        body: include_str!("assets/pages/contact.html"),
    },
];

/// A page as the agent learns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where the page is served; what citations point to.
    pub url: String,
    pub title: String,
    /// The whole page, exactly as it is served.
    pub html: String,
}

/// The agent's knowledge: exactly the pages that are served at `demo_origin`, with the widget of the command API. Both
/// without a slash at their end.
pub fn documents(demo_origin: &str, command_api_url: &str) -> Vec<Document> {
    PAGES
        .iter()
        .map(|page| Document {
            url: format!("{demo_origin}{}", page.path),
            title: page.title.to_owned(),
            html: page.html(command_api_url),
        })
        .collect()
}

/// What any other address shows.
pub(super) fn not_found(command_api_url: &str) -> String {
    framed(command_api_url, "Page not found", "", NOT_FOUND)
}

impl Page {
    /// The whole page.
    pub(super) fn html(&self, command_api_url: &str) -> String {
        let link = format!("<a href=\"{}\">", self.path);
        let current = format!("<a href=\"{}\" aria-current=\"page\">", self.path);
        framed(command_api_url, self.title, self.description, self.body).replacen(&link, &current, 1)
    }
}

fn framed(command_api_url: &str, title: &str, description: &str, body: &str) -> String {
    FRAME
        .replacen("{widget}", &format!("{command_api_url}/widget.js"), 1)
        .replacen("{agent}", AGENT_ID, 1)
        .replacen("{title}", title, 1)
        .replacen("{description}", description, 1)
        .replacen("{body}", body, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_leads_to_its_heading() {
        for page in PAGES {
            let html = page.html("http://127.0.0.1:8080");
            let mut ids = std::collections::HashSet::new();
            for heading in html
                .split("<h")
                .skip(1)
                .filter(|rest| rest.starts_with(['1', '2', '3']))
            {
                let (tag, rest) = heading.split_once('>').expect("a whole tag");
                let text = rest.split('<').next().unwrap_or_default();
                if text.is_empty() {
                    continue;
                }
                assert_eq!(tag[1..], format!(" id=\"{}\"", anchor(text)), "{text} on {}", page.path);
                assert!(ids.insert(anchor(text)), "{text} stands twice on {}", page.path);
            }
            assert!(ids.len() > 3, "{} has headings", page.path);
        }
    }

    /// The id that a heading gets where pages are indexed.
    fn anchor(text: &str) -> String {
        let kept = text
            .chars()
            .filter(|char| char.is_alphanumeric() || [' ', '-'].contains(char));
        kept.flat_map(char::to_lowercase).collect::<String>().replace(' ', "-")
    }
}
