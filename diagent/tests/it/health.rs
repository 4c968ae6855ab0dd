//! `/healthz`, `/readyz`, `/metrics` on every role; `/openapi.json` and `/docs` on both APIs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Options, Role, Stack, http, send};

const NAMES: [(Role, &str); 4] = [
    (Role::CommandApi, "command-api"),
    (Role::Responder, "responder"),
    (Role::Projector, "projector"),
    (Role::ReadApi, "read-api"),
];

#[tokio::test]
async fn every_role_says_how_it_is() {
    let stack = Stack::shared().await;
    let process = stack
        .launch(Options::of(&[
            Role::Responder,
            Role::Projector,
            Role::CommandApi,
            Role::ReadApi,
        ]))
        .await;
    let client = http::client();
    for (role, name) in NAMES {
        let url = process.url(role);
        let health = send(client.get(format!("{url}/healthz"))).await.expect(200).json();
        assert_eq!((&health["role"], &health["status"]), (&json!(name), &json!("ok")));
        let ready = send(client.get(format!("{url}/readyz"))).await.expect(200).json();
        let checks = ready["checks"].as_object().expect("checks").clone();
        assert!(
            !checks.is_empty() && checks.values().all(|check| check == "ok"),
            "{ready}"
        );
        let metrics = send(client.get(format!("{url}/metrics"))).await.expect(200);
        assert!(
            metrics
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/plain"))
        );
        let missing = send(client.get(format!("{url}/no/such/path"))).await;
        missing.refusal(404, "not_found");
        send(client.post(format!("{url}/healthz")))
            .await
            .refusal(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn the_figures_are_there() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is it counted?").await;
    visitor
        .post("/messages", &json!({}))
        .await
        .refusal(422, "validation_failed");
    let metrics = send(http::client().get(format!("{}/metrics", stack.command_api())))
        .await
        .expect(200)
        .text();
    let families: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    for (what, parts) in [
        ("requests by route and status", &["http_requests"][..]),
        ("append latency", &["append"]),
        ("time to first token", &["first_token"]),
        ("open streams", &["open_streams"]),
        ("projector lag", &["projector", "lag"]),
        ("turn outcomes", &["turn"]),
    ] {
        assert!(
            families
                .iter()
                .any(|family| parts.iter().all(|part| family.contains(part))),
            "{what}: {families:?}"
        );
    }
    let parts = [
        "http_requests_total",
        "route=\"/api/v1/widget/messages\"",
        "status=\"422\"",
    ];
    assert!(
        metrics.lines().any(|line| parts.iter().all(|part| line.contains(part))),
        "{metrics}"
    );
    assert!(
        !metrics.contains(&visitor.visitor_id) && !metrics.contains(&agent.id),
        "figures name nobody"
    );
}

#[tokio::test]
async fn both_apis_describe_themselves() {
    let stack = Stack::shared().await;
    let client = http::client();
    for (url, paths) in [
        (
            stack.command_api(),
            &[
                "/api/v1/widget/init",
                "/api/v1/widget/messages/stream",
                "/api/v1/widget/leads",
                "/api/v1/widget/events",
                "/api/v1/agents/{agent_id}",
            ][..],
        ),
        (
            stack.read_api(),
            &[
                "/api/v1/events",
                "/api/v1/agents/{agent_id}/leads",
                "/api/v1/projections",
            ],
        ),
    ] {
        let openapi = send(client.get(format!("{url}/openapi.json"))).await.expect(200).json();
        assert!(
            openapi["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3."))
        );
        for path in paths {
            assert!(openapi["paths"].get(path).is_some(), "{path} is not described");
        }
        for (path, item) in openapi["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                assert!(
                    operation["responses"]
                        .as_object()
                        .is_some_and(|responses| responses.len() > 1),
                    "{method} {path}: errors are described too"
                );
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path}"
                );
            }
        }
        let text = openapi.to_string();
        for reference in text
            .split("\"$ref\":\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(
                openapi.pointer(reference).is_some(),
                "{url}: {reference} is not described"
            );
        }
        let mut docs = send(client.get(format!("{url}/docs"))).await;
        if let Some(location) = docs.header("location") {
            docs = send(client.get(format!("{url}{location}"))).await;
        }
        let page = docs.expect(200).text();
        assert!(page.to_lowercase().contains("<html"), "{page}");
    }
}

#[tokio::test]
async fn the_description_holds_what_is_answered() {
    let stack = Stack::shared().await;
    let openapi = send(http::client().get(format!("{}/openapi.json", stack.command_api())))
        .await
        .expect(200)
        .json();
    let agent = stack.agent().await;
    let welcome = agent.visitor().await.welcome;
    let content =
        &openapi["paths"]["/api/v1/widget/init"]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
    let data = resolve(&openapi, &resolve(&openapi, content)["properties"]["data"]);
    let mut described: Vec<&String> = data["properties"].as_object().expect("properties").keys().collect();
    let mut answered: Vec<&String> = welcome.as_object().expect("an object").keys().collect();
    described.sort();
    answered.sort();
    assert_eq!(answered, described);
}

fn resolve(openapi: &Value, schema: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(reference) => openapi
            .pointer(reference.trim_start_matches('#'))
            .cloned()
            .expect("a schema"),
        None => schema.clone(),
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_when_it_is_one() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let with = |id: &str| {
        visitor
            .request(Method::POST, "/conversation/close")
            .header("X-Request-Id", id)
    };
    let odd = send(
        visitor
            .request(Method::GET, "/conversation")
            .header("X-Request-Id", "a b\"c<script>"),
    )
    .await;
    assert_ne!(odd.header("x-request-id"), Some("a b\"c<script>"));
    assert!(odd.header("x-request-id").is_some_and(|id| !id.is_empty()));
    let long = "x".repeat(500);
    let odd = send(
        visitor
            .request(Method::GET, "/conversation")
            .header("X-Request-Id", &long),
    )
    .await;
    assert_ne!(odd.header("x-request-id"), Some(long.as_str()));
    let own = send(with("my-request.1")).await.expect(204);
    assert_eq!(own.header("x-request-id"), Some("my-request.1"));
    let closed = agent.logged("diagent.conversation.closed").await;
    assert_eq!(closed[0]["correlationid"], "my-request.1");
}
