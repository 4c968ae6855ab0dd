//! The demo's workspace and agent, as bodies of the calls that define them.

use serde_json::{Value, json};

use super::WORKSPACE_ID;

/// The body of `PUT /api/v1/workspaces/{workspace_id}`.
pub fn workspace() -> Value {
    json!({ "name": "Tarn & Thistle", "monthly_conversations": 0 })
}

/// The body of `PUT /api/v1/agents/{agent_id}`; `demo_origin` is where the demo site is served, without a slash at its end.
pub fn agent(demo_origin: &str) -> Value {
    json!({
        "workspace_id": WORKSPACE_ID,
        "name": "Fern from Tarn & Thistle",
        "published": true,
        "allowed_origins": origins(demo_origin),
        "persona": {
            "name": "Fern",
            "tone": "friendly",
            "greeting": "Hello, I am Fern. Ask me about gear, prices, delivery or refunds.",
            "instructions": "You answer for Tarn & Thistle, a gear library that rents outdoor gear by post. Be brief and \
                             warm, name prices in pounds, and say so when the pages do not hold the answer.",
        },
        "theme": { "primary": "#1f4a3a", "on_primary": "#ffffff", "accent": "#b4491f" },
        "starter_prompts": [
            "What is your refund policy?",
            "How much does a weekend for two cost?",
            "When will my parcel arrive?",
            "Do I have to clean the gear?",
        ],
        "language_default": "en",
        "behavior_rules": behavior_rules(),
        "branding": { "show": true, "label": "Powered by Diagent", "display_mode": "label_only" },
        "lead_fields": [
            { "key": "trip", "label": "Where are you going?", "kind": "text" },
            { "key": "party_size", "label": "How many of you?", "kind": "number" },
            {
                "key": "season", "label": "When?", "kind": "select",
                "options": ["Spring", "Summer", "Autumn", "Winter"],
            },
            { "key": "newsletter", "label": "Send me the monthly letter", "kind": "checkbox" },
        ],
        "restricted_paths": ["/checkout/*"],
    })
}

/// What the chat does by itself (`events::agent::BehaviorRule`).
fn behavior_rules() -> Value {
    json!([
        {
            "id": "01KDEM0RVE0000000000000001",
            "conditions": { "url_patterns": ["/"], "scroll_percent": 60 },
            "action": {
                "kind": "cta",
                "message": "New here? I can tell you how renting by post works.",
                "label": "How does it work?",
                "prompt": "How does renting gear work?",
            },
        },
        {
            "id": "01KDEM0RVE0000000000000002",
            "conditions": { "url_patterns": ["/pricing"], "scroll_percent": 40 },
            "action": {
                "kind": "cta",
                "message": "Not sure what your trip will cost? I can tell you.",
                "label": "Price of a weekend",
                "prompt": "How much does a weekend for two cost?",
            },
        },
        {
            "id": "01KDEM0RVE0000000000000003",
            "conditions": { "url_patterns": ["/refunds", "/shipping"], "idle_seconds": 20 },
            "action": {
                "kind": "cta",
                "message": "Plans changed? I know the small print by heart.",
                "label": "How do I cancel?",
                "prompt": "How do I cancel my order?",
            },
        },
        {
            "id": "01KDEM0RVE0000000000000004",
            "conditions": { "intent_keywords": ["complaint", "complain", "speak to someone", "speak to a person"] },
            "action": {
                "kind": "route",
                "to": "human",
                "message": "One of us at the library can take over.",
                "label": "Fetch a person",
            },
        },
        {
            "id": "01KDEM0RVE0000000000000005",
            "conditions": { "exit_intent": true, "message_count": 2 },
            "action": { "kind": "lead_capture", "message": "Shall we write to you when your gear is free?" },
        },
        {
            "id": "01KDEM0RVE0000000000000006",
            "conditions": {},
            "action": {
                "kind": "curated",
                "questions": ["Who are you?", "Are you a bot?", "Am I talking to a person?"],
                "answer": "I am Fern, the library's assistant: a program that answers from this site's pages. The people \
                           behind the counter can join whenever you ask for them.",
            },
        },
    ])
}

/// The demo's origin, and the other name of the same loopback address: people type both.
pub(super) fn origins(demo_origin: &str) -> Vec<String> {
    let twin = if demo_origin.contains("//127.0.0.1") {
        Some(demo_origin.replacen("//127.0.0.1", "//localhost", 1))
    } else if demo_origin.contains("//localhost") {
        Some(demo_origin.replacen("//localhost", "//127.0.0.1", 1))
    } else {
        None
    };
    [demo_origin.to_owned()].into_iter().chain(twin).collect()
}

#[cfg(test)]
mod tests {
    use events::{AgentId, WorkspaceId, agent::AgentDefinition, workspace::WorkspaceDefinition};

    use super::*;
    use crate::demo::AGENT_ID;

    #[test]
    fn the_bodies_are_what_the_log_takes() {
        let definition: AgentDefinition = serde_json::from_value(agent("http://127.0.0.1:8082")).expect("a definition");
        assert!(definition.published, "the demo is there to be used");
        assert_eq!(definition.workspace_id.to_string(), WORKSPACE_ID);
        serde_json::from_value::<WorkspaceDefinition>(workspace()).expect("a definition");
    }

    #[test]
    fn ids_are_ulids_in_their_own_spelling() {
        assert_eq!(AGENT_ID.parse::<AgentId>().expect("a ULID").to_string(), AGENT_ID);
        assert_eq!(
            WORKSPACE_ID.parse::<WorkspaceId>().expect("a ULID").to_string(),
            WORKSPACE_ID
        );
    }

    #[test]
    fn both_names_of_the_loopback_address_are_allowed() {
        let both = ["http://127.0.0.1:8082", "http://localhost:8082"];
        for origin in both {
            let mut allowed = origins(origin);
            allowed.sort_unstable();
            assert_eq!(allowed, both, "{origin}");
        }
        assert_eq!(origins("https://demo.example"), ["https://demo.example"]);
    }
}
