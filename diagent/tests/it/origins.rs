//! Which sites may embed an agent. Contract, "Allowed origins"; features, "Origins".

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Stack, Visitor, send};

/// `Origin`, `Referer`, and whether the request comes in.
type Row = (Option<&'static str>, Option<&'static str>, bool);

async fn init(agent: &Agent, origin: Option<&str>, referer: Option<&str>) -> Answer {
    let mut request = agent.anonymous_init(&json!({ "agent_id": agent.id }));
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    if let Some(referer) = referer {
        request = request.header("Referer", referer);
    }
    send(request).await
}

async fn check(allowed: Value, table: &[Row]) {
    let agent = Stack::shared()
        .await
        .agent_with(json!({ "allowed_origins": allowed }))
        .await;
    for (origin, referer, expected) in table {
        let answer = init(&agent, *origin, *referer).await;
        if *expected {
            assert_eq!(answer.status, 200, "{allowed} {origin:?} {referer:?}: {answer}");
        } else {
            assert_eq!(answer.status, 403, "{allowed} {origin:?} {referer:?}: {answer}");
            answer.refusal(403, "origin_forbidden");
        }
    }
}

#[tokio::test]
async fn an_origin_is_compared_by_scheme_host_and_port() {
    let table = [
        (Some("https://shop.example"), None, true),
        (Some("https://SHOP.Example"), None, true),
        (Some("https://shop.example:443"), None, true),
        (Some("http://shop.example"), None, false),
        (Some("https://shop.example:8443"), None, false),
        (Some("https://www.shop.example"), None, false),
        (Some("https://shop.example.evil.example"), None, false),
        (Some("https://evilshop.example"), None, false),
        (Some("https://shop.example@evil.example"), None, false),
        (Some("https://evil.example/?https://shop.example"), None, false),
        (Some("null"), None, false),
        (Some(""), None, false),
        (Some("shop.example"), None, false),
        (None, None, false),
    ];
    check(json!(["https://shop.example"]), &table).await;
}

#[tokio::test]
async fn a_referer_stands_in_for_a_missing_origin() {
    let table = [
        (None, Some("https://shop.example/cart?item=1#top"), true),
        (None, Some("https://shop.example"), true),
        (None, Some("https://evil.example/https://shop.example"), false),
        (None, Some("nonsense"), false),
        (Some("https://evil.example"), Some("https://shop.example/"), false),
        (Some("null"), Some("https://shop.example/"), false),
    ];
    check(json!(["https://shop.example"]), &table).await;
}

#[tokio::test]
async fn ports_punycode_and_addresses_are_what_they_say() {
    let allowed = json!([
        "https://bücher.example",
        "http://localhost:3000",
        "http://127.0.0.1:80",
        "http://[::1]:8080"
    ]);
    let table = [
        (Some("https://xn--bcher-kva.example"), None, true),
        (Some("http://localhost:3000"), None, true),
        (Some("http://localhost"), None, false),
        (Some("http://localhost:3001"), None, false),
        (Some("http://127.0.0.1"), None, true),
        (Some("http://[::1]:8080"), None, true),
        (Some("https://xn--bcher-kvb.example"), None, false),
    ];
    check(allowed, &table).await;
}

#[tokio::test]
async fn an_empty_list_allows_nobody() {
    let table = [
        (Some("https://shop.example"), None, false),
        (None, None, false),
        (Some("null"), None, false),
    ];
    check(json!([]), &table).await;
}

#[tokio::test]
async fn a_star_allows_everybody_also_without_an_origin() {
    let table = [
        (Some("https://shop.example"), None, true),
        (Some("http://other.example:81"), None, true),
        (Some("null"), None, true),
        (None, None, true),
    ];
    check(json!(["*"]), &table).await;
}

#[tokio::test]
async fn every_call_is_checked_again() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let answered = visitor.ask("Who are you?").await.message_id;

    for (method, path, body) in calls(&answered) {
        let request = |origin: &str| {
            let request = visitor
                .anonymous(method.clone(), &path)
                .bearer_auth(&visitor.token)
                .header("Origin", origin);
            body.iter().fold(request, reqwest::RequestBuilder::json)
        };
        let refused = send(request("https://evil.example")).await;
        refused.refusal(403, "origin_forbidden");
        assert_eq!(
            refused.header("access-control-allow-origin"),
            Some("https://evil.example"),
            "the page may read why: {path}"
        );
    }
    assert_eq!(agent.logged("diagent.lead.captured").await.len(), 0);
    assert_eq!(
        agent.logged("diagent.message.posted").await.len(),
        1,
        "nothing was done"
    );
    visitor.get("/conversation").await.data(200);
}

#[tokio::test]
async fn a_site_that_is_taken_from_the_list_is_out_at_once() {
    let mut agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    agent
        .redefine(json!({ "allowed_origins": ["https://elsewhere.example"] }))
        .await;
    visitor.get("/conversation").await.refusal(403, "origin_forbidden");
    agent.init(&agent.init_body()).await.refusal(403, "origin_forbidden");
}

/// Every call that a visitor's token is for.
pub(crate) fn calls(message_id: &str) -> Vec<(Method, String, Option<Value>)> {
    let plain = |method: Method, path: &str| (method, path.to_owned(), None);
    let with = |path: &str, body: Value| (Method::POST, path.to_owned(), Some(body));
    vec![
        with("/messages/stream", json!({ "message": "Hello?" })),
        with("/messages", json!({ "message": "Hello?" })),
        plain(Method::GET, &format!("/messages/{message_id}/stream")),
        plain(Method::POST, &format!("/messages/{message_id}/stop")),
        with(&format!("/messages/{message_id}/feedback"), json!({ "rating": "up" })),
        plain(Method::GET, "/conversation"),
        plain(Method::GET, "/conversation/events"),
        plain(Method::GET, "/conversation/messages"),
        plain(Method::GET, "/conversations"),
        plain(Method::POST, "/conversation/clear"),
        plain(Method::POST, "/conversation/request-human"),
        with("/conversation/satisfaction", json!({ "rating": "good" })),
        plain(Method::POST, "/conversation/typing"),
        with("/leads", json!({ "email": "alex@example.com" })),
        with("/events", json!({ "event": "cta.click" })),
        plain(Method::GET, "/me"),
        plain(Method::POST, "/conversation/close"),
        plain(Method::DELETE, "/me"),
    ]
}

#[tokio::test]
async fn no_call_is_forgotten_in_this_table() {
    let stack = Stack::shared().await;
    let api = stack.root().command(Method::GET, "/openapi.json");
    let described = send(api).await.expect(200).json();
    let mut described: Vec<String> = described["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter_map(|(path, item)| Some((path.strip_prefix("/api/v1/widget")?, item)))
        .filter(|(path, _)| *path != "/init")
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods").keys();
            let methods = methods.filter(|method| ["get", "post", "put", "delete"].contains(&method.as_str()));
            methods
                .map(|method| format!("{} {path}", method.to_uppercase()))
                .collect::<Vec<_>>()
        })
        .collect();
    described.sort_unstable();
    let mut ours: Vec<String> = calls("{message_id}")
        .into_iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    ours.sort_unstable();
    assert_eq!(ours, described);
}

#[tokio::test]
async fn the_wildcard_is_no_pattern() {
    let agent = Stack::shared().await.agent().await;
    let mut fields = agent.fields.clone();
    fields["allowed_origins"] = json!(["https://*.shop.example"]);
    let put = agent.team.put(&agent.path(""), &fields).await;
    assert_eq!(put.refused_fields(), ["allowed_origins[0]"], "it would allow nobody");
}

#[tokio::test]
async fn a_beacon_comes_from_an_allowed_site_too() {
    let agent = Stack::shared().await.agent().await;
    let visitor: Visitor = agent.visitor().await;
    let body = json!({ "token": visitor.token, "event": "page.left" }).to_string();
    let beacon = |origin: &str| {
        let request = visitor.anonymous(Method::POST, "/events").header("Origin", origin);
        send(
            request
                .header("Content-Type", "text/plain;charset=UTF-8")
                .body(body.clone()),
        )
    };
    beacon("https://evil.example").await.refusal(403, "origin_forbidden");
    beacon(&agent.origin).await.data(202);
}
