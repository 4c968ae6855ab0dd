//! All that is said of an agent: who may embed it, how it looks and speaks, what it asks of visitors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::BehaviorRule;
use crate::WorkspaceId;

/// The body of `PUT /api/v1/agents/{agent_id}`. Unknown fields are refused, so that a typo shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    pub workspace_id: WorkspaceId,
    /// What the widget's head line shows, 1 to 200 characters.
    pub name: String,
    /// An unpublished agent does not exist for visitors.
    #[serde(default)]
    pub published: bool,
    /// `scheme://host[:port]` of the sites that may embed it; `*` allows all, an empty list none.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    #[serde(default)]
    pub persona: Persona,
    /// Colours, radius, position and launcher of the widget; handed through to it.
    #[serde(default)]
    pub theme: Map<String, Value>,
    /// Questions the widget offers before the first message.
    #[serde(default)]
    pub starter_prompts: Vec<String>,
    /// The language of answers when the visitor's is unknown, as a BCP 47 tag.
    #[serde(default = "english")]
    pub language_default: String,
    /// What the agent does by itself, and curated answers; at most 20.
    #[serde(default)]
    pub behavior_rules: Vec<BehaviorRule>,
    #[serde(default)]
    pub branding: Branding,
    /// The agent's own fields of the lead form.
    #[serde(default)]
    pub lead_fields: Vec<LeadField>,
    /// When the lead form comes, and what visitors agree to with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_form: Option<LeadFormSettings>,
    /// Path patterns on which the widget stays away, for example `/checkout/*`.
    #[serde(default)]
    pub restricted_paths: Vec<String>,
}

fn english() -> String {
    "en".to_owned()
}

/// Who answers, and in which manner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    #[serde(default)]
    pub name: String,
    /// For example `friendly` or `formal`.
    #[serde(default)]
    pub tone: String,
    /// The first line of an empty conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    /// What a language model is told beside the passages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

/// The line beneath the widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Branding {
    pub show: bool,
    #[serde(default)]
    pub label: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub logo_url: String,
    #[serde(default)]
    pub display_mode: BrandingDisplay,
}

impl Default for Branding {
    fn default() -> Self {
        Self {
            show: true,
            label: "Powered by Diagent".to_owned(),
            url: String::new(),
            logo_url: String::new(),
            display_mode: BrandingDisplay::LogoAndLabel,
        }
    }
}

/// What the branding line shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrandingDisplay {
    #[default]
    LogoAndLabel,
    LogoOnly,
    LabelOnly,
}

/// One field of the lead form beside name, e-mail and phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadField {
    /// The key in `fields`: lower-case letters, digits and `_`; at most 64.
    pub key: String,
    /// What the form shows.
    #[serde(default)]
    pub label: String,
    #[serde(default)]
    pub kind: LeadFieldKind,
    #[serde(default)]
    pub required: bool,
    /// What may be chosen, for `select`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// When the lead form comes, and what visitors agree to with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadFormSettings {
    /// Visitors fill it in before their first message.
    #[serde(default)]
    pub before_chat: bool,
    /// What a visitor must agree to, in the site's words; at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

/// What a lead field takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadFieldKind {
    #[default]
    Text,
    Number,
    Checkbox,
    Select,
}
