//! `POST /init`. Contract, "POST /v1/widget/init"; features, "Widget HTTP".

use std::time::Duration;

use events::{AgentId, Clock};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Agent, Definition, Stack, Visitor, jwt, send, unique};

#[tokio::test]
async fn the_answer_has_every_field_of_the_contract() {
    let stack = Stack::shared().await;
    let agent = stack
        .agent_with(json!({
            "name": "Aria of the shop",
            "persona": { "name": "Aria", "tone": "friendly", "greeting": "Hello!", "instructions": "Never say no." },
            "theme": { "primary": "#111827", "radius": 12 },
            "starter_prompts": ["What is your refund policy?"],
            "language_default": "de",
            "behavior_rules": [
                { "id": "late", "conditions": { "scroll_percent": 50 }, "action": { "kind": "lead_capture", "message": "Shall we write?" } },
                { "id": "hours", "conditions": {}, "action": { "kind": "curated", "questions": ["Open?"], "answer": "Until six." } },
                { "id": "first", "priority": 9, "conditions": { "url_patterns": ["/pricing*"], "idle_seconds": 20 },
                  "action": { "kind": "cta", "message": "Unsure?", "label": "Ask", "prompt": "What does it cost?" } },
            ],
            "branding": { "show": true, "label": "By us", "url": "https://us.example", "logo_url": "https://us.example/l.png", "display_mode": "logo_only" },
            "restricted_paths": ["/checkout/*"],
        }))
        .await;
    let mut body = agent.init_body();
    body["anon_id"] = json!("anon_abc123");

    let welcome = agent.init(&body).await.data(200);

    insta::assert_json_snapshot!(welcome, {
        ".conversation_id" => "[ulid]",
        ".visitor_id" => "[ulid]",
        ".jwt" => "[jwt]",
        ".expires_at" => "[time]",
        ".agent.id" => "[ulid]",
    });
    assert_eq!(welcome["agent"]["id"], agent.id.as_str());
    for id in ["conversation_id", "visitor_id"] {
        assert_eq!(welcome[id].as_str().map(str::len), Some(26), "a ULID: {}", welcome[id]);
    }
}

#[tokio::test]
async fn the_token_holds_the_contracts_claims_for_sixty_minutes() {
    let agent = Stack::shared().await.agent().await;
    let before = Clock::default().now().unix_seconds();

    let visitor = agent.visitor().await;

    let claims = jwt::claims(&visitor.token);
    let names: Vec<&String> = claims.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        ["agent_id", "conversation_id", "exp", "iat", "iss", "visitor_id"],
        "no more and no less"
    );
    assert_eq!(claims["iss"], "pitchbar");
    assert_eq!(claims["agent_id"], agent.id.as_str());
    assert_eq!(claims["visitor_id"], visitor.visitor_id.as_str());
    assert_eq!(claims["conversation_id"], visitor.conversation_id.as_str());
    let (iat, exp) = (
        claims["iat"].as_i64().expect("seconds"),
        claims["exp"].as_i64().expect("seconds"),
    );
    assert_eq!(exp - iat, 3_600);
    assert!((before..before + 60).contains(&iat), "{iat} is not now");
    assert_eq!(jwt::header(&visitor.token)["alg"], "HS256");
    let expires_at = visitor.welcome["expires_at"].as_str().expect("a time");
    let expires_at = time(expires_at);
    assert_eq!(expires_at, exp, "the answer says when the token ends");
}

#[tokio::test]
async fn a_visitor_without_an_anonymous_id_gets_a_secret_one() {
    let agent = Stack::shared().await.agent().await;

    let (one, other) = (
        agent.init(&agent.init_body()).await.data(200),
        agent.init(&agent.init_body()).await.data(200),
    );

    assert_ne!(one["anonymous_id"], other["anonymous_id"]);
    assert_ne!(one["visitor_id"], other["visitor_id"]);
    let secret = one["anonymous_id"]
        .as_str()
        .expect("a text")
        .trim_start_matches("anon_");
    assert!(
        secret.len() >= 22,
        "128 bits cannot be written in {} characters",
        secret.len()
    );
    assert!(
        !one["visitor_id"].as_str().expect("a text").contains(secret),
        "the secret is not in the id"
    );
}

#[tokio::test]
async fn a_visitor_who_returns_is_in_the_same_conversation() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    first.ask("What do you know?").await;

    let again = agent.returning(&first.anonymous_id).await;

    assert_eq!(again.visitor_id, first.visitor_id);
    assert_eq!(again.conversation_id, first.conversation_id);
    assert_eq!(again.anonymous_id, first.anonymous_id);
    assert_eq!(
        again.welcome["messages"],
        json!(first.messages().await),
        "what init shows is what is there"
    );
    let roles: Vec<&Value> = again.welcome["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|m| &m["role"])
        .collect();
    assert_eq!(roles, ["visitor", "assistant"]);
}

#[tokio::test]
async fn only_the_last_thirty_messages_are_shown() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    for number in 0..16 {
        visitor.ask(&format!("Question number {number}?")).await;
    }

    let again = agent.returning(&visitor.anonymous_id).await;

    let messages = again.welcome["messages"].as_array().expect("messages").clone();
    assert_eq!(messages.len(), 30);
    assert_eq!(
        messages[0]["content"], "Question number 1?",
        "oldest first, and the first two are left out"
    );
    assert_eq!(messages[28]["content"], "Question number 15?");
}

#[tokio::test]
async fn what_was_cleared_is_not_shown() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Before?").await;
    visitor.post_nothing("/conversation/clear").await.data(200);
    visitor.ask("After?").await;

    let again = agent.returning(&visitor.anonymous_id).await;

    assert_eq!(again.conversation_id, visitor.conversation_id);
    let messages = again.welcome["messages"].as_array().expect("messages");
    assert_eq!(
        messages.iter().filter(|message| message["role"] == "visitor").count(),
        1
    );
    assert_eq!(messages[0]["content"], "After?");
}

#[tokio::test]
async fn a_new_conversation_begins_when_the_visitor_wants_one() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    let mut body = agent.init_body();
    body["anon_id"] = json!(first.anonymous_id);
    body["force_new"] = json!(true);

    let forced = agent.init(&body).await;
    let forced = Visitor::new(agent.command_api(), &agent.origin, &forced);

    assert_eq!(forced.visitor_id, first.visitor_id);
    assert_ne!(forced.conversation_id, first.conversation_id);
    assert_eq!(forced.welcome["messages"], json!([]));
    assert_eq!(
        agent.returning(&first.anonymous_id).await.conversation_id,
        forced.conversation_id,
        "the latest one is resumed"
    );
    first.ask("Is the old one still open?").await;
}

#[tokio::test]
async fn a_closed_conversation_is_not_resumed() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    first.post_nothing("/conversation/close").await.expect(204);

    let again = agent.returning(&first.anonymous_id).await;

    assert_ne!(again.conversation_id, first.conversation_id);
    assert_eq!(again.visitor_id, first.visitor_id);
}

#[tokio::test]
async fn a_conversation_is_resumed_for_twenty_four_hours() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let first = agent.visitor().await;
    first.ask("Do you remember me?").await;
    let today = stack.later(Duration::from_mins(23 * 60 + 55)).await;
    let tomorrow = stack.later(Duration::from_mins(24 * 60 + 5)).await;

    let same_day = agent.returning_at(today.command_api(), &first.anonymous_id).await;
    let next_day = agent.returning_at(tomorrow.command_api(), &first.anonymous_id).await;

    assert_eq!(same_day.conversation_id, first.conversation_id);
    assert_ne!(next_day.conversation_id, first.conversation_id);
    assert_eq!(next_day.visitor_id, first.visitor_id);
    assert_eq!(next_day.welcome["messages"], json!([]));
}

#[tokio::test]
async fn inits_that_race_meet_in_one_conversation() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let (one, other) = (stack.command_api().to_owned(), agent.second().await.to_owned());
    let mut body = agent.init_body();
    body["anon_id"] = json!(unique("anon_"));

    let inits = (0..12).map(|number| agent.init_at(if number % 2 == 0 { &one } else { &other }, &body));
    let answers = join_all(inits).await;

    let first = answers[0].data(200)["conversation_id"].clone();
    for answer in &answers {
        assert_eq!(answer.data(200)["conversation_id"], first);
    }
    assert_eq!(agent.logged("diagent.conversation.started").await.len(), 1);
    assert_eq!(agent.logged("diagent.visitor.arrived").await.len(), 1);
}

#[tokio::test]
async fn one_anonymous_id_is_another_visitor_at_another_agent() {
    let stack = Stack::shared().await;
    let (one, other) = (stack.agent().await, stack.agent().await);
    let anon_id = unique("anon_");
    assert_ne!(
        one.returning(&anon_id).await.visitor_id,
        other.returning(&anon_id).await.visitor_id
    );
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_not_found() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let draft = stack.agent_with(json!({ "published": false })).await;
    for id in [
        AgentId::generate().to_string(),
        draft.id.clone(),
        "no-ulid".to_owned(),
        "' OR 1=1 --".to_owned(),
    ] {
        let answer = agent
            .init(&json!({ "agent_id": id, "page_url": agent.page("/") }))
            .await;
        answer.refusal(404, "agent_not_found");
    }
}

#[tokio::test]
async fn an_agent_comes_and_goes_with_its_publication() {
    let stack = Stack::shared().await;
    let mut agent = stack.agent_with(json!({ "published": false })).await;
    agent.init(&agent.init_body()).await.refusal(404, "agent_not_found");

    agent.redefine(json!({ "published": true })).await;
    let visitor = agent.visitor().await;
    agent.redefine(json!({ "published": false })).await;

    agent.init(&agent.init_body()).await.refusal(404, "agent_not_found");
    visitor.get("/conversation").await.refusal(404, "agent_not_found");
}

#[tokio::test]
async fn a_changed_definition_reaches_every_instance() {
    let stack = Stack::shared().await;
    let mut agent = stack.agent().await;
    agent.redefine(json!({ "starter_prompts": ["How much?"] })).await;
    assert_eq!(
        agent.init(&agent.init_body()).await.data(200)["agent"]["starter_prompts"],
        json!(["How much?"]),
        "at once here"
    );

    let second = stack.second().await;
    agent.knows_at(second).await;
    let welcome = agent.init_at(second, &agent.init_body()).await.data(200);
    assert_eq!(welcome["agent"]["starter_prompts"], json!(["How much?"]));
}

#[tokio::test]
async fn bodies_that_make_no_sense_name_the_field() {
    let agent = Stack::shared().await.agent().await;
    let long = "x".repeat(3_000);
    let table = [
        (json!({}), "agent_id"),
        (json!({ "agent_id": 7 }), "agent_id"),
        (json!({ "agent_id": null }), "agent_id"),
        (json!({ "agent_id": agent.id, "anon_id": "" }), "anon_id"),
        (json!({ "agent_id": agent.id, "anon_id": long }), "anon_id"),
        (json!({ "agent_id": agent.id, "anon_id": "nul\u{0}" }), "anon_id"),
        (json!({ "agent_id": agent.id, "page_url": long }), "page_url"),
        (json!({ "agent_id": agent.id, "locale": "not a language" }), "locale"),
        (json!({ "agent_id": agent.id, "force_new": "maybe" }), "force_new"),
    ];
    for (body, field) in table {
        let refused = agent.init(&body).await.refused_fields();
        // Where only the type is wrong, the body as a whole may be what is named.
        assert!(
            refused.iter().any(|name| name == field || name == "body"),
            "{body}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn fields_that_newer_widgets_send_are_ignored() {
    let agent = Stack::shared().await.agent().await;
    let mut body = agent.init_body();
    body["from_the_future"] = json!({ "deep": [1, 2, 3] });
    body["locale"] = json!("pt-BR");
    agent.init(&body).await.data(200);
    let arrived = agent.logged("diagent.visitor.arrived").await;
    assert_eq!(arrived[0]["data"]["locale"], "pt-BR");
}

#[tokio::test]
async fn an_answer_that_is_being_written_is_named() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    assert_eq!(visitor.welcome["active_message"], Value::Null);
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let call = script.call().await;

    let again = agent.returning(&visitor.anonymous_id).await;

    assert_eq!(
        again.welcome["active_message"]["message_id"],
        stream.message_id().as_str()
    );
    call.answer(&["Done."]);
    stream.to_end().await;
    assert_eq!(
        agent.returning(&visitor.anonymous_id).await.welcome["active_message"],
        Value::Null
    );
}

#[tokio::test]
async fn who_may_not_embed_it_is_told_after_who_does_not_exist() {
    let agent = Stack::shared().await.agent().await;
    let elsewhere = |body: Value| {
        send(
            agent
                .anonymous_init(&body)
                .header("Origin", "https://elsewhere.example"),
        )
    };
    let stranger = json!({ "agent_id": AgentId::generate().to_string() });
    elsewhere(stranger).await.refusal(404, "agent_not_found");
    elsewhere(agent.init_body()).await.refusal(403, "origin_forbidden");
}

/// Seconds since 1970 of an RFC 3339 time.
fn time(text: &str) -> i64 {
    serde_json::from_value::<events::Timestamp>(json!(text))
        .expect("a time")
        .unix_seconds()
}

#[tokio::test]
async fn two_agents_may_share_a_workspace() {
    let stack = Stack::shared().await;
    let one = stack.agent().await;
    let other = Agent::define(&stack, Definition::new().beside(&one)).await;
    assert_eq!(one.workspace_id, other.workspace_id);
    assert_ne!(
        one.visitor().await.conversation_id,
        other.visitor().await.conversation_id
    );
}
