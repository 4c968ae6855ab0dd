//! What operators define. Design, "Interfaces that others rely on"; a typo must show.

use events::{AgentId, WorkspaceId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Operator, Parameters, Stack, jwt, send};

#[tokio::test]
async fn definitions_are_new_then_changed_then_the_same() {
    let stack = Stack::shared().await;
    let root = stack.root();
    let workspace = format!("/api/v1/workspaces/{}", WorkspaceId::generate());
    let body = json!({ "name": "A shop", "monthly_conversations": 10 });
    let first = root.put(&workspace, &body).await.expect(201);
    let again = root.put(&workspace, &body).await.expect(200);
    assert_eq!(first.position(), again.position(), "the same again changes nothing");
    let changed = root
        .put(&workspace, &json!({ "name": "A shop", "monthly_conversations": 11 }))
        .await
        .expect(200);
    assert_ne!(changed.position(), first.position());
    assert_eq!(changed.data(200)["monthly_conversations"], 11);
    assert_eq!(
        send(root.command(Method::GET, &workspace)).await.data(200)["monthly_conversations"],
        11
    );

    let agent = stack.agent().await;
    let seen = send(agent.team.command(Method::GET, &agent.path(""))).await.data(200);
    assert_eq!(seen["name"], agent.fields["name"]);
    assert_eq!(seen["allowed_origins"], agent.fields["allowed_origins"]);
    agent.team.put(&agent.path(""), &agent.fields).await.expect(200);
}

#[tokio::test]
async fn a_typo_shows() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let with = |name: &str, value: Value| {
        let mut fields = agent.fields.clone();
        fields[name] = value;
        fields
    };
    let table = [
        with("alowed_origins", json!([])),
        with("name", json!("")),
        with("name", json!(" \t")),
        with("name", json!(7)),
        with("allowed_origins", json!(["shop.example"])),
        with("allowed_origins", json!(["https://shop.example/path"])),
        with("allowed_origins", json!("*")),
        with("persona", json!({ "nmae": "Aria" })),
        with("language_default", json!("klingonisch")),
        with("branding", json!({ "show": true, "url": "javascript:alert(1)" })),
        with("lead_fields", json!([{ "key": "With Space" }])),
        with("lead_fields", json!([{ "key": "a", "kind": "colour" }])),
        with("lead_fields", json!([{ "key": "a" }, { "key": "a" }])),
        with("lead_fields", json!([{ "key": "email" }])),
        with("starter_prompts", json!([" "])),
        with("restricted_paths", json!(["checkout"])),
        with("behavior_rules", json!(vec![json!({}); 21])),
        with("workspace_id", json!("mine")),
        json!({}),
        json!([]),
    ];
    for body in table {
        agent
            .team
            .put(&agent.path(""), &body)
            .await
            .refusal(422, "validation_failed");
    }
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "monthly_conversations": -1 }),
        json!({ "name": "x", "quota": 5 }),
    ] {
        let workspace = format!("/api/v1/workspaces/{}", agent.workspace_id);
        agent
            .team
            .put(&workspace, &body)
            .await
            .refusal(422, "validation_failed");
    }
}

#[tokio::test]
async fn defining_needs_the_scope_and_the_workspace() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await, stack.agent().await);
    let (agent_path, workspace_path) = (own.path(""), format!("/api/v1/workspaces/{}", own.workspace_id));
    let workspace = json!({ "name": "A shop" });
    for scope in ["read", "write", "read write"] {
        let member = own.member("kim", scope);
        member.put(&agent_path, &own.fields).await.refusal(403, "forbidden");
        member.put(&workspace_path, &workspace).await.refusal(403, "forbidden");
        let page = json!({ "url": own.page("/x"), "title": "X", "text": "X." });
        member
            .put(&own.path("/documents"), &page)
            .await
            .refusal(403, "forbidden");
    }
    let stranger = &other.team;
    stranger
        .put(&agent_path, &own.fields)
        .await
        .refusal(404, "agent_not_found");
    stranger
        .put(&agent_path, &other.fields)
        .await
        .refusal(404, "agent_not_found");
    stranger
        .put(&workspace_path, &workspace)
        .await
        .refusal(404, "workspace_not_found");
    send(stranger.command(Method::GET, &agent_path))
        .await
        .refusal(404, "agent_not_found");
    send(stranger.command(Method::GET, &workspace_path))
        .await
        .refusal(404, "workspace_not_found");
    let new = format!("/api/v1/agents/{}", AgentId::generate());
    stranger
        .put(&new, &own.fields)
        .await
        .refusal(404, "workspace_not_found");
    let page = json!({ "url": own.page("/x"), "title": "X", "text": "X." });
    stranger
        .put(&own.path("/documents"), &page)
        .await
        .refusal(404, "agent_not_found");
    let moved = {
        let mut fields = own.fields.clone();
        fields["workspace_id"] = json!(other.workspace_id);
        fields
    };
    stack
        .root()
        .put(&agent_path, &moved)
        .await
        .refusal(409, "agent_in_other_workspace");
}

#[tokio::test]
async fn an_operators_token_by_table() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let now = events::Clock::default().now().unix_seconds();
    let claims = json!({ "iss": "diagent", "sub": "kim", "workspace_id": agent.workspace_id, "scope": "read", "iat": now, "exp": now + 600 });
    let sign = |name: &str, value: Value, algorithm, secret| {
        let mut claims = claims.clone();
        claims[name] = value;
        jwt::sign(algorithm, None, secret, &claims)
    };
    let (hs256, secret) = (jsonwebtoken::Algorithm::HS256, jwt::OPERATOR_SECRET);
    let table = [
        (200, jwt::sign(hs256, None, secret, &claims)),
        (200, sign("workspace_id", json!("*"), hs256, secret)),
        (401, sign("iss", json!("pitchbar"), hs256, secret)),
        (401, sign("exp", json!(now - 60), hs256, secret)),
        (401, sign("iat", json!(now + 600), hs256, secret)),
        (401, sign("workspace_id", json!("mine"), hs256, secret)),
        (401, sign("scope", json!("everything"), hs256, secret)),
        (401, sign("sub", json!("kim"), jsonwebtoken::Algorithm::HS512, secret)),
        (401, sign("sub", json!("kim"), hs256, jwt::WIDGET_SECRET)),
        (403, sign("scope", json!("write"), hs256, secret)),
        (403, sign("scope", json!(""), hs256, secret)),
        (404, sign("workspace_id", json!(WorkspaceId::generate()), hs256, secret)),
        (401, agent.visitor().await.token),
        (401, "nonsense".to_owned()),
    ];
    for (number, (status, token)) in table.into_iter().enumerate() {
        let operator: Operator = agent.team.clone().with_token(&token);
        let (here, there) = (
            send(operator.command(Method::GET, &agent.path(""))).await,
            operator.read(&agent.path("/conversations")).await,
        );
        assert_eq!(
            (here.status, there.status),
            (status, status),
            "row {number}: {here} {there}"
        );
        if status != 200 {
            here.envelope();
            there.envelope();
        }
    }
}

#[tokio::test]
async fn pages_are_put_read_changed_and_removed() {
    let agent = Stack::shared().await.agent().await;
    let team = &agent.team;
    let path = agent.path("/documents");
    let page = json!({ "url": agent.page("/faq"), "title": "FAQ", "text": "We are open." });
    let query = [("url", agent.page("/faq"))];
    team.put(&path, &page).await.data(201);
    let again = team.put(&path, &page).await.data(200);
    assert_eq!(again["unchanged"], true);
    let mut changed = page.clone();
    changed["text"] = json!("We are closed.");
    assert_eq!(team.put(&path, &changed).await.data(200)["unchanged"], false);

    let seen = send(team.command(Method::GET, &path).query(&query)).await.data(200);
    assert_eq!(
        (&seen["title"], &seen["text"]),
        (&json!("FAQ"), &json!("We are closed."))
    );
    let html = json!({ "url": agent.page("/html"), "title": "H", "html": "<nav>Menu</nav><main><h1>Hello</h1><p>Some <b>text</b>.</p><script>evil()</script></main>" });
    team.put(&path, &html).await.data(201);
    let seen = send(team.command(Method::GET, &path).query(&[("url", agent.page("/html"))]))
        .await
        .data(200);
    let text = seen["text"].as_str().expect("a text");
    assert!(
        text.contains("Hello") && text.contains("text") && !text.contains("evil") && !text.contains('<'),
        "{text}"
    );

    let removed = send(team.command(Method::DELETE, &path).query(&query))
        .await
        .expect(204);
    let gone = send(team.command(Method::GET, &path).query(&query)).await;
    gone.refusal(404, "document_not_found");
    send(team.command(Method::DELETE, &path).query(&query))
        .await
        .refusal(404, "document_not_found");
    let list = team.read_at(&path, &removed.position()).await.data(200);
    let urls: Vec<&Value> = list.as_array().expect("a list").iter().map(|one| &one["url"]).collect();
    assert_eq!(urls, [&json!(agent.page("/html"))]);
    // Without a model of embeddings nobody need wait for one.
    assert_eq!(
        team.read(&agent.path("/knowledge")).await.data(200),
        json!({ "documents": 1, "chunks": 1, "embedded": 0, "embedding_model": null })
    );
}

#[tokio::test]
async fn pages_that_make_no_sense_are_refused() {
    let agent = Stack::shared().await.agent().await;
    let url = agent.page("/x");
    for (body, field) in [
        (json!({ "url": "ftp://x.example/", "title": "X", "text": "X." }), "url"),
        (json!({ "url": "nonsense", "title": "X", "text": "X." }), "url"),
        (
            json!({ "url": "javascript:alert(1)", "title": "X", "text": "X." }),
            "url",
        ),
        (json!({ "url": url, "title": "", "text": "X." }), "title"),
        (json!({ "url": url, "title": "X" }), "text"),
        (json!({ "url": url, "title": "X", "text": "X.", "html": "X." }), "text"),
        (json!({ "url": url, "title": "X", "text": "" }), "text"),
        (json!({ "url": url, "title": "X", "text": "nul\u{0}" }), "text"),
        (json!({ "url": url, "title": "X", "html": "<p> </p>" }), "html"),
    ] {
        let fields = agent.team.put(&agent.path("/documents"), &body).await.refused_fields();
        assert!(fields.iter().any(|name| name == field), "{body}: {fields:?}");
    }
    let large = json!({ "url": url, "title": "X", "text": "word ".repeat(500_000) });
    let answer = agent.team.put(&agent.path("/documents"), &large).await;
    assert!(matches!(answer.status, 413 | 422), "{}", answer.status);
    answer.envelope();
}
