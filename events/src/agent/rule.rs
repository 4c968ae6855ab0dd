//! Behaviour rules: what an agent does by itself, on which condition.
//!
//! `init` delivers all but the curated ones, the highest priority first, and the widget evaluates them; a curated answer is
//! matched by the responder before anything is looked up. In JSON:
//!
//! ```json
//! [
//!   { "id": "price-of-a-weekend", "priority": 10,
//!     "conditions": { "url_patterns": ["/pricing*"], "scroll_percent": 40 },
//!     "action": { "kind": "cta", "message": "Not sure what your trip will cost?",
//!                 "label": "Price of a weekend", "prompt": "How much does a weekend for two cost?" } },
//!   { "id": "newsletter", "priority": 5,
//!     "conditions": { "idle_seconds": 30, "message_count": 2 },
//!     "action": { "kind": "cta", "message": "The printed catalogue is free.",
//!                 "label": "Order it", "url": "https://your-site.com/catalogue" } },
//!   { "id": "before-they-go", "priority": 0,
//!     "conditions": { "exit_intent": true },
//!     "action": { "kind": "lead_capture", "message": "Shall we send you the offer?" } },
//!   { "id": "complaints", "priority": 0,
//!     "conditions": { "intent_keywords": ["complaint", "speak to a person", "refund*"] },
//!     "action": { "kind": "route", "to": "human", "message": "I can fetch a colleague.", "label": "Please do" } },
//!   { "id": "jobs", "priority": 0,
//!     "conditions": { "intent_keywords": ["job", "vacanc*"] },
//!     "action": { "kind": "route", "to": "page", "url": "/careers", "message": "Our vacancies:", "label": "Careers" } },
//!   { "id": "opening-hours", "priority": 0,
//!     "conditions": { "intent_keywords": ["opening hours"] },
//!     "action": { "kind": "curated", "questions": ["When are you open?"], "answer": "Until six.",
//!                 "url": "https://your-site.com/hours" } }
//! ]
//! ```
//!
//! Fields without a value are left out. A rule of the widget fires once a visit (a session of the browser's tab), when all
//! of its conditions hold at the same time; of several that hold at the same moment the one with the highest priority fires,
//! and of those the first of the list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule. Unknown fields are refused, so that a typo shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BehaviorRule {
    /// What telemetry calls it (`rule_id`): 1 to 64 letters, digits, `-`, `_` or `.`, different from all others of the agent.
    pub id: String,
    /// The highest goes first; -1000 to 1000.
    #[serde(default)]
    pub priority: i32,
    pub conditions: RuleConditions,
    pub action: RuleAction,
}

/// When a rule holds: all that are given must. At least one is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConditions {
    /// One of these is in the visitor's last message. Words are runs of letters and digits, in any case; the words of a
    /// keyword follow each other in the message. A `*` at its beginning or end goes on into a word: `refund*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intent_keywords: Vec<String>,
    /// The page is one of these: `/…` is compared with its path, `https://…` with its address, both without query and
    /// fragment. `*` stands for anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub url_patterns: Vec<String>,
    /// The page was scrolled so far, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scroll_percent: Option<u32>,
    /// For so long there was no pointer, key, touch or scroll; 1 to 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u32>,
    /// The pointer left the page towards the browser's controls, or the page was hidden on a device without a pointer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exit_intent: bool,
    /// The visitor has written at least so many messages since the conversation was last cleared, this one included; 1 to
    /// 15, since nobody counts further back than the 30 messages that `init` answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_count: Option<u32>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleAction {
    /// A line beside the launcher with one button.
    Cta(CallToAction),
    /// The chat opens with the agent's lead form.
    LeadCapture(LeadCapture),
    /// The visitor is offered a person, or a page.
    Route(Route),
    /// The team's own answer, given word for word before anything is looked up. Its conditions are what the server knows:
    /// `intent_keywords`, `url_patterns` and `message_count`.
    Curated(CuratedAnswer),
}

/// Of `prompt` and `url` exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallToAction {
    pub message: String,
    /// What the button says.
    pub label: String,
    /// What the button asks the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Where the button leads: a path of the site, or an http or https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The lead form, unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadCapture {
    /// What stands above the form.
    pub message: String,
}

/// The way to somebody, or to some place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub to: RouteTarget,
    pub message: String,
    /// What the button says.
    pub label: String,
    /// Where the button leads, for `page`: a path of the site, or an http or https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// The button calls `request-human`.
    Human,
    /// The button opens `url`.
    Page,
}

/// A question and its answer. Without `questions`, `intent_keywords` decide; with both, either is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CuratedAnswer {
    /// Messages that mean exactly this, compared by their words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<String>,
    /// Markdown.
    pub answer: String,
    /// The page that says so: an http or https address. It is the answer's citation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The title of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl BehaviorRule {
    /// The curated answer, if it is one.
    pub const fn curated(&self) -> Option<&CuratedAnswer> {
        match &self.action {
            RuleAction::Curated(answer) => Some(answer),
            RuleAction::Cta(_) | RuleAction::LeadCapture(_) | RuleAction::Route(_) => None,
        }
    }
}

/// A message as questions are compared: case, punctuation and spacing do not make another one.
pub fn normalise(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|char| if char.is_alphanumeric() { char } else { ' ' })
        .collect();
    spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
