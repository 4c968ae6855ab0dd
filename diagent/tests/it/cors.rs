//! Cross-origin headers: a widget that cannot read its answer shows nothing, also when the answer is an error.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Stack, send};

const EXPOSED: [&str; 6] = [
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "diagent-position",
    "diagent-message-id",
];

fn is_readable_by(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer}");
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        None,
        "tokens are no cookies: {answer}"
    );
    let vary = answer
        .headers
        .get_all("vary")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let vary = vary.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    assert!(
        vary.split(',').any(|name| name.trim() == "origin"),
        "Vary: {vary}: {answer}"
    );
    let exposed = answer
        .header("access-control-expose-headers")
        .unwrap_or_default()
        .to_ascii_lowercase();
    for name in EXPOSED {
        assert!(
            exposed.split(',').any(|exposed| exposed.trim() == name),
            "{name} is not exposed: {exposed}"
        );
    }
}

#[tokio::test]
async fn every_answer_can_be_read_by_the_page_that_asked() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let origin = agent.origin.as_str();
    let answers = [
        (200, agent.init(&agent.init_body()).await),
        (200, visitor.get("/conversation").await),
        (202, visitor.post("/events", &json!({ "event": "cta.click" })).await),
        (204, visitor.post_nothing("/conversation/typing").await),
        (401, visitor.with_token("no.such.token").get("/conversation").await),
        (404, visitor.get("/messages/01JA8Q5T3V9Y6ZK4W2M7XN8RBC/stream").await),
        (404, visitor.get("/no/such/path").await),
        (
            404,
            agent.init(&json!({ "agent_id": "01JA8Q5T3V9Y6ZK4W2M7XN8RBC" })).await,
        ),
        (405, visitor.post_nothing("/me").await),
        (422, visitor.post("/messages", &json!({ "message": "" })).await),
        (
            400,
            send(
                visitor
                    .request(Method::POST, "/leads")
                    .header("Content-Type", "application/json")
                    .body("{"),
            )
            .await,
        ),
        (415, send(visitor.request(Method::POST, "/leads").body("{}")).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{answer}");
        is_readable_by(&answer, origin);
    }
    let stream = visitor.stream_message("Hello?", "c1").await;
    assert_eq!(stream.header("access-control-allow-origin"), origin);
    stream.to_end().await;
}

#[tokio::test]
async fn a_preflight_allows_what_the_widget_sends() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let calls = [
        ("POST", "/init", "content-type"),
        ("POST", "/messages/stream", "authorization,content-type"),
        (
            "GET",
            "/messages/01JA8Q5T3V9Y6ZK4W2M7XN8RBC/stream",
            "authorization,last-event-id",
        ),
        ("GET", "/conversation/messages", "authorization,if-none-match"),
        ("DELETE", "/me", "authorization"),
    ];
    for (method, path, headers) in calls {
        let request = visitor
            .anonymous(Method::OPTIONS, path)
            .header("Origin", &agent.origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", headers);
        let answer = send(request).await;
        assert!(matches!(answer.status, 200 | 204), "{answer}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(agent.origin.as_str())
        );
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        assert!(
            methods.split(',').any(|allowed| allowed.trim() == method),
            "{method} {path}: {methods}"
        );
        let allowed = answer
            .header("access-control-allow-headers")
            .unwrap_or_default()
            .to_ascii_lowercase();
        for name in headers.split(',') {
            assert!(
                allowed.split(',').any(|allowed| allowed.trim() == name),
                "{name} {path}: {allowed}"
            );
        }
        assert!(
            answer.number("access-control-max-age") > 0,
            "browsers need not ask each time"
        );
    }
}

#[tokio::test]
async fn operators_interfaces_are_not_for_pages_of_other_sites() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let request = agent
        .team
        .command(Method::GET, &agent.path(""))
        .header("Origin", "https://evil.example");
    assert_eq!(send(request).await.header("access-control-allow-origin"), None);
}
