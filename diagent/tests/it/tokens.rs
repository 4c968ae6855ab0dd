//! The visitor's token. Contract, "JWT format": anything wrong is 401, and one answer for all causes.

use std::time::Duration;

use events::{ConversationId, VisitorId};
use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    origins::calls,
    support::{Options, Role, Stack, Visitor, jwt, send, until},
};

async fn is_refused(visitor: &Visitor, what: &str, token: &str) {
    let answer = visitor.with_token(token).get("/conversation").await;
    assert_eq!(answer.status, 401, "{what}: {answer}");
    let error = answer.refusal(401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let valid = visitor
        .with_token("x")
        .get("/conversation")
        .await
        .refusal(401, "unauthorized");
    assert_eq!(error["message"], valid["message"], "{what}: one answer for all causes");
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_token_that_the_contract_describes_is_accepted() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let claims = jwt::claims(&visitor.token);
    let kid = jwt::header(&visitor.token)["kid"].as_str().map(str::to_owned);
    for kid in [kid.as_deref(), None] {
        let own = jwt::sign(Algorithm::HS256, kid, jwt::WIDGET_SECRET, &claims);
        visitor.with_token(&own).get("/conversation").await.data(200);
    }
}

#[tokio::test]
async fn no_other_algorithm_key_or_kid_is_accepted() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let claims = jwt::claims(&visitor.token);
    let (secret, kid) = (jwt::WIDGET_SECRET, None);
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        is_refused(
            &visitor,
            "another algorithm",
            &jwt::sign(algorithm, kid, secret, &claims),
        )
        .await;
    }
    is_refused(
        &visitor,
        "a wrong key",
        &jwt::sign(Algorithm::HS256, kid, "another secret of more than 32 bytes!", &claims),
    )
    .await;
    is_refused(
        &visitor,
        "the operators' key",
        &jwt::sign(Algorithm::HS256, kid, jwt::OPERATOR_SECRET, &claims),
    )
    .await;
    is_refused(&visitor, "an empty key", &jwt::sign(Algorithm::HS256, kid, "", &claims)).await;
    is_refused(
        &visitor,
        "a kid of nobody",
        &jwt::sign(Algorithm::HS256, Some("nobody"), secret, &claims),
    )
    .await;
    is_refused(
        &visitor,
        "a kid that is a path",
        &jwt::sign(Algorithm::HS256, Some("../../dev/null"), "", &claims),
    )
    .await;
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let header = jwt::encode(&json!({ "alg": algorithm, "typ": "JWT" }));
        for signature in ["", visitor.token.rsplit('.').next().expect("a signature")] {
            is_refused(
                &visitor,
                algorithm,
                &format!("{header}.{}.{signature}", jwt::encode(&claims)),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn every_claim_counts() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let claims = jwt::claims(&visitor.token);
    let sign = |claims: &Value| jwt::sign(Algorithm::HS256, None, jwt::WIDGET_SECRET, claims);
    for name in ["iss", "iat", "exp", "agent_id", "visitor_id", "conversation_id"] {
        let mut less = claims.clone();
        less.as_object_mut().expect("an object").remove(name);
        is_refused(&visitor, &format!("without {name}"), &sign(&less)).await;
        is_refused(
            &visitor,
            &format!("{name} is null"),
            &sign(&with(&claims, name, Value::Null)),
        )
        .await;
        is_refused(
            &visitor,
            &format!("{name} is an object"),
            &sign(&with(&claims, name, json!({}))),
        )
        .await;
    }
    let iat = claims["iat"].as_i64().expect("seconds");
    let table = [
        ("another issuer", with(&claims, "iss", json!("diagent"))),
        (
            "expired",
            with(&with(&claims, "iat", json!(iat - 7_200)), "exp", json!(iat - 3_600)),
        ),
        (
            "from the future",
            with(&with(&claims, "iat", json!(iat + 3_600)), "exp", json!(iat + 7_200)),
        ),
        ("no ULID", with(&claims, "visitor_id", json!("me"))),
        ("exp is a text", with(&claims, "exp", json!("never"))),
    ];
    for (what, claims) in table {
        is_refused(&visitor, what, &sign(&claims)).await;
    }
}

#[tokio::test]
async fn a_tampered_token_is_refused() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let parts: Vec<&str> = visitor.token.split('.').collect();
    let claims = jwt::claims(&visitor.token);
    for (name, value) in [
        ("visitor_id", json!(VisitorId::generate())),
        ("conversation_id", json!(ConversationId::generate())),
        ("exp", json!(4_000_000_000_u64)),
    ] {
        let tampered = format!("{}.{}.{}", parts[0], jwt::encode(&with(&claims, name, value)), parts[2]);
        is_refused(&visitor, name, &tampered).await;
    }
    for index in [0, parts[2].len() / 2] {
        let mut signature = parts[2].to_owned();
        let other = if signature.as_bytes()[index] == b'A' { "B" } else { "A" };
        signature.replace_range(index..=index, other);
        is_refused(
            &visitor,
            "one letter of the signature",
            &format!("{}.{}.{signature}", parts[0], parts[1]),
        )
        .await;
    }
    for odd in [
        "",
        "x",
        "..",
        "a.b.c",
        "a.b.c.d",
        &visitor.token[1..],
        &format!("{}x", visitor.token),
    ] {
        is_refused(&visitor, odd, odd).await;
    }
}

#[tokio::test]
async fn every_call_needs_a_token_in_the_right_place() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    for (method, path, body) in calls("01JA8Q5T3V9Y6ZK4W2M7XN8RBC") {
        let request = || {
            let request = visitor.anonymous(method.clone(), &path).header("Origin", &agent.origin);
            body.iter().fold(request, reqwest::RequestBuilder::json)
        };
        send(request()).await.refusal(401, "unauthorized");
        send(request().bearer_auth("a.b.c")).await.refusal(401, "unauthorized");
        send(request().basic_auth("visitor", Some(&visitor.token)))
            .await
            .refusal(401, "unauthorized");
        send(request().header("Authorization", &visitor.token))
            .await
            .refusal(401, "unauthorized");
        let operator = jwt::operator("root", "*", "read write admin");
        send(request().bearer_auth(operator)).await.refusal(401, "unauthorized");
    }
    assert_eq!(
        agent.log().await.len(),
        3,
        "the agent, the visitor and the conversation: nothing else was written"
    );
}

#[tokio::test]
async fn a_token_ends_after_sixty_minutes() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let (before, after) = (
        stack.later(Duration::from_mins(59)).await,
        stack.later(Duration::from_mins(61)).await,
    );

    visitor.at(before.command_api()).get("/conversation").await.data(200);
    visitor
        .at(after.command_api())
        .get("/conversation")
        .await
        .refusal(401, "unauthorized");

    let again = agent.returning_at(after.command_api(), &visitor.anonymous_id).await;
    assert_eq!(again.conversation_id, visitor.conversation_id);
    again.get("/conversation").await.data(200);
}

#[tokio::test]
async fn a_token_is_for_one_conversation() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    let answered = first.ask("What is this?").await.message_id;
    let stranger = agent.visitor().await;

    let path = format!("/messages/{answered}/stream");
    stranger.get(&path).await.refusal(404, "message_not_found");
    stranger
        .post_nothing(&format!("/messages/{answered}/stop"))
        .await
        .refusal(404, "message_not_found");
    let feedback = json!({ "rating": "down" });
    stranger
        .post(&format!("/messages/{answered}/feedback"), &feedback)
        .await
        .refusal(404, "message_not_found");
    assert_eq!(stranger.messages().await, Vec::<Value>::new());
    let seen = stranger.get("/conversation").await.data(200);
    assert_eq!(seen["conversation_id"], stranger.conversation_id.as_str());

    let mut forced = agent.init_body();
    forced["anon_id"] = json!(first.anonymous_id);
    forced["force_new"] = json!(true);
    let second = Visitor::new(agent.command_api(), &agent.origin, &agent.init(&forced).await);
    second.get(&path).await.refusal(404, "message_not_found");
    assert_eq!(
        second.messages().await,
        Vec::<Value>::new(),
        "not even of one's own other conversation"
    );
}

#[tokio::test]
async fn a_token_of_one_agent_is_nothing_at_another() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await.visitor().await, stack.agent().await.visitor().await);
    let claims = with(
        &jwt::claims(&own.token),
        "agent_id",
        jwt::claims(&other.token)["agent_id"].clone(),
    );
    let moved = jwt::sign(Algorithm::HS256, None, jwt::WIDGET_SECRET, &claims);
    // Only who has the secret can make it; even then nothing of the other agent's visitors is in reach.
    let answer = other.with_token(&moved).get("/conversation/messages").await;
    assert!(matches!(answer.status, 200 | 401 | 404), "{answer}");
    if answer.status == 200 {
        assert_eq!(answer.data(200)["messages"], json!([]));
    }
}

#[tokio::test]
async fn a_rotated_secret_keeps_visitors_in() {
    const NEW: &str = "the-secret-after-the-rotation-0123456789";
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let before = agent.visitor().await;
    let rotated = Options::of(&[Role::CommandApi]);
    let rotated = rotated.with(&[
        "--widget-jwt-secret",
        NEW,
        "--widget-jwt-secret-previous",
        jwt::WIDGET_SECRET,
    ]);
    let rotated = stack.launch(rotated).await;
    let done = stack
        .launch(Options::of(&[Role::CommandApi]).with(&["--widget-jwt-secret", NEW]))
        .await;

    before.at(rotated.command_api()).get("/conversation").await.data(200);
    let after = agent.visitor_at(rotated.command_api()).await;
    after.at(done.command_api()).get("/conversation").await.data(200);
    assert_ne!(
        jwt::header(&before.token)["kid"],
        jwt::header(&after.token)["kid"],
        "a key has a name"
    );
    before
        .at(done.command_api())
        .get("/conversation")
        .await
        .refusal(401, "unauthorized");
    after
        .at(stack.command_api())
        .get("/conversation")
        .await
        .refusal(401, "unauthorized");
}

#[tokio::test]
async fn an_erased_visitors_token_is_dead_everywhere() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let second = visitor.at(agent.second().await);
    second.get("/conversation").await.data(200);

    visitor.erase().await.data(202);

    for (method, path, body) in calls("01JA8Q5T3V9Y6ZK4W2M7XN8RBC") {
        let request = body
            .iter()
            .fold(visitor.request(method, &path), reqwest::RequestBuilder::json);
        send(request).await.refusal(401, "unauthorized");
    }
    until("the other instance has heard", async || {
        match second.get("/conversation").await {
            answer if answer.status == 401 => Ok(()),
            answer => Err(answer.to_string()),
        }
    })
    .await;
    // An instance that starts later knows as well.
    let third = stack.launch(Options::of(&[Role::CommandApi])).await;
    visitor
        .at(third.command_api())
        .get("/conversation")
        .await
        .refusal(401, "unauthorized");
}

#[tokio::test]
async fn who_was_erased_may_come_again_as_somebody_new() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Remember me?").await;
    visitor.erase().await.data(202);

    let again = agent.returning(&visitor.anonymous_id).await;

    assert_ne!(again.conversation_id, visitor.conversation_id);
    assert_eq!(again.welcome["messages"], json!([]));
    // The new token may be of the same second as the erasure: it must live all the same.
    again.get("/conversation").await.data(200);
    again.ask("And now?").await;
}

#[tokio::test]
async fn the_scheme_of_the_header_has_no_case() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let request = visitor
        .anonymous(Method::GET, "/conversation")
        .header("Origin", &visitor.origin);
    send(request.header("Authorization", format!("bearer {}", visitor.token)))
        .await
        .data(200);
}
