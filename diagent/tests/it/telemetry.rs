//! `POST /events`: one, an array, or a beacon that carries its token.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Stack, Visitor, send};

#[tokio::test]
async fn an_event_is_stored_before_it_is_accepted() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let report = json!({
        "event": "cta.click", "rule_id": "01HXY0000000000000000000RR", "page_url": agent.page("/pricing"), "metadata": { "x": [1, "two"] },
    });

    let answer = visitor.post("/events", &report).await;

    assert_eq!(answer.data(202)["accepted"], 1);
    let recorded = agent.logged("diagent.telemetry.recorded").await;
    assert_eq!(recorded.len(), 1);
    let data = &recorded[0]["data"];
    for name in ["event", "rule_id", "page_url", "metadata"] {
        assert_eq!(data[name], report[name]);
    }
    assert_eq!(data["conversation_id"], visitor.conversation_id.as_str());
    assert_eq!(recorded[0]["position"], answer.position());
}

#[tokio::test]
async fn an_array_is_stored_whole_and_in_order() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let names: Vec<String> = (0..50).map(|number| format!("scroll.{number}")).collect();
    let reports: Vec<Value> = names.iter().map(|name| json!({ "event": name })).collect();

    let answer = visitor.post("/events", &json!(reports)).await;

    assert_eq!(answer.data(202)["accepted"], 50);
    let recorded = agent.logged("diagent.telemetry.recorded").await;
    let stored: Vec<&str> = recorded
        .iter()
        .filter_map(|event| event["data"]["event"].as_str())
        .collect();
    assert_eq!(stored, names);
    assert_eq!(recorded[49]["position"], answer.position());
}

#[tokio::test]
async fn a_beacon_brings_its_token_in_the_body() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let beacon = async |kind: Option<&str>, body: Value| -> Answer {
        let request = visitor
            .anonymous(Method::POST, "/events")
            .header("Origin", &visitor.origin);
        let request = kind
            .into_iter()
            .fold(request, |request, kind| request.header("Content-Type", kind));
        send(request.body(body.to_string())).await
    };
    let token = &visitor.token;
    for kind in [
        Some("text/plain;charset=UTF-8"),
        Some("text/plain"),
        Some("application/json"),
    ] {
        beacon(kind, json!({ "token": token, "event": "page.left" }))
            .await
            .data(202);
    }
    beacon(
        Some("text/plain"),
        json!({ "token": token, "events": [{ "event": "a" }, { "event": "b" }] }),
    )
    .await
    .data(202);

    assert_eq!(agent.logged("diagent.telemetry.recorded").await.len(), 5);
    for token in [json!("a.b.c"), json!(""), json!(7), Value::Null] {
        let answer = beacon(Some("text/plain"), json!({ "token": token, "event": "page.left" })).await;
        assert!(matches!(answer.status, 401 | 422), "{answer}");
        answer.envelope();
    }
    beacon(Some("text/plain"), json!({ "event": "page.left" }))
        .await
        .refusal(401, "unauthorized");
    assert_eq!(agent.logged("diagent.telemetry.recorded").await.len(), 5);
    let logged = agent.logged("diagent.telemetry.recorded").await;
    assert!(!json!(logged).to_string().contains(token), "the token is not stored");
}

#[tokio::test]
async fn events_that_make_no_sense_are_refused_whole() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    let fine = json!({ "event": "fine" });
    let table = [
        json!({}),
        json!([]),
        json!("text"),
        json!(7),
        json!({ "event": "" }),
        json!({ "event": "x".repeat(101) }),
        json!({ "event": "With Spaces" }),
        json!({ "event": "new\nline" }),
        json!({ "event": 7 }),
        json!({ "event": "x", "rule_id": "" }),
        json!({ "event": "x", "rule_id": "x".repeat(101) }),
        json!({ "event": "x", "page_url": "x".repeat(2_049) }),
        json!({ "event": "x", "metadata": { "big": "x".repeat(9_000) } }),
        json!({ "event": "x", "metadata": "text" }),
        json!({ "event": "x", "metadata": { "nul": "\u{0}" } }),
        json!([fine, { "event": "" }]),
        json!([fine, 7]),
        json!(vec![fine; 51]),
        json!({ "events": [] }),
    ];
    for body in table {
        visitor.post("/events", &body).await.refusal(422, "validation_failed");
    }
    assert_eq!(agent.logged("diagent.telemetry.recorded").await.len(), 0);
}

#[tokio::test]
async fn events_of_many_visitors_at_once_are_all_stored() {
    let agent = Stack::shared().await.agent().await;
    let visitors: Vec<Visitor> = futures::future::join_all((0..20).map(|_| agent.visitor())).await;
    let sent = visitors
        .iter()
        .flat_map(|visitor| (0..10).map(move |number| (visitor, number)));
    let answers = sent.map(async |(visitor, number)| {
        let answer = visitor
            .post("/events", &json!({ "event": format!("burst.{number}") }))
            .await;
        answer.data(202);
        answer.position()
    });
    let mut positions = futures::future::join_all(answers).await;
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), 200, "each stands somewhere else");
    assert_eq!(agent.logged("diagent.telemetry.recorded").await.len(), 200);
}
