//! A token of one workspace never sees another's data: not found, not forbidden.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stack, send};

#[tokio::test]
async fn no_read_reaches_into_another_workspace() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await, stack.agent().await);
    let visitor = other.visitor().await;
    visitor.ask("Something private?").await;
    let position = visitor
        .post("/leads", &json!({ "email": "private@example.com" }))
        .await
        .position();
    let usage = format!("/api/v1/workspaces/{}/usage", other.workspace_id);
    let conversations = format!("/api/v1/workspaces/{}/conversations", other.workspace_id);
    let conversation = format!("/api/v1/conversations/{}", visitor.conversation_id);
    let events = format!("/api/v1/events?agent_id={}", other.id);
    let table = [
        (other.path("/conversations"), "agent_not_found"),
        (other.path("/leads"), "agent_not_found"),
        (other.path("/leads?format=csv"), "agent_not_found"),
        (other.path("/telemetry"), "agent_not_found"),
        (other.path("/insights"), "agent_not_found"),
        (other.path("/gaps"), "agent_not_found"),
        (other.path("/documents"), "agent_not_found"),
        (other.path("/knowledge"), "agent_not_found"),
        (events, "agent_not_found"),
        (usage, "workspace_not_found"),
        (conversations, "workspace_not_found"),
        (conversation, "conversation_not_found"),
    ];
    for (path, code) in table {
        other.team.read_at(&path, &position).await.expect(200);
        stack.root().read(&path).await.expect(200);
        own.team.read(&path).await.refusal(404, code);
        // And with the right workspace, but not the scope.
        other.member("kim", "write").read(&path).await.refusal(403, "forbidden");
        own.team
            .clone()
            .with_token("a.b.c")
            .read(&path)
            .await
            .refusal(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_replay_holds_ones_own_workspace_only() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await, stack.agent().await);
    let mine = own.visitor().await;
    let theirs = other.visitor().await;
    let whole = send(own.team.query("/api/v1/events")).await.expect(200).text();
    assert!(whole.contains(&mine.visitor_id));
    assert!(!whole.contains(&theirs.visitor_id));
    for line in whole.lines() {
        let event: Value = serde_json::from_str(line).expect("a CloudEvent");
        assert_eq!(event["workspaceid"], own.workspace_id.as_str(), "{line}");
    }
    let all = send(stack.root().query("/api/v1/events")).await.expect(200).text();
    assert!(all.contains(&mine.visitor_id) && all.contains(&theirs.visitor_id));
}

#[tokio::test]
async fn every_route_of_operators_asks_for_a_token() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let client = crate::support::http::client();
    for api in [stack.command_api(), stack.read_api()] {
        let described = send(client.get(format!("{api}/openapi.json"))).await.expect(200).json();
        let paths = described["paths"].as_object().expect("paths");
        let operators = paths
            .iter()
            .filter(|(path, _)| path.starts_with("/api/") && !path.starts_with("/api/v1/widget"));
        let mut asked = 0;
        for (path, item) in operators {
            for method in item
                .as_object()
                .expect("methods")
                .keys()
                .filter(|name| ["get", "put", "post", "delete"].contains(&name.as_str()))
            {
                let filled = fill(path, &agent.id);
                let method: Method = method.to_uppercase().parse().expect("a method");
                let request = || client.request(method.clone(), format!("{api}{filled}"));
                send(request()).await.refusal(401, "unauthorized");
                send(request().bearer_auth("a.b.c")).await.refusal(401, "unauthorized");
                asked += 1;
            }
        }
        assert!(asked >= 10, "only {asked} routes are described");
    }
}

/// A described path with an id in every place.
fn fill(path: &str, id: &str) -> String {
    let place = |part: &str| {
        if part.starts_with('{') {
            id.to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(place).collect::<Vec<_>>().join("/")
}
