//! The team's page, and what it asks of both APIs from a browser.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Definition, Options, Role, Stack, Visitor, http, send};

async fn get(stack: &Stack, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = http::client().get(format!("{}{path}", stack.read_api()));
    send(
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value)),
    )
    .await
}

#[tokio::test]
async fn the_page_comes_with_its_files_and_a_policy_that_allows_nothing_inline() {
    let stack = Stack::shared().await;
    let page = get(&stack, "/", &[]).await.expect(200);
    for view in [
        "/conversations/01JA8Q5T3V9Y6ZK4W2M7XN8RBC",
        "/leads",
        "/insights",
        "/system",
    ] {
        assert_eq!(get(&stack, view, &[]).await.expect(200).body, page.body, "{view}");
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("cache-control"), Some("no-cache"));

    let text = page.text();
    let named: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(named.len() >= 2, "a script and its styles: {text}");
    for name in named {
        let asset = get(&stack, name, &[]).await.expect(200);
        assert_eq!(
            asset.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        let tag = asset.header("etag").expect("a tag");
        let again = get(&stack, name, &[("if-none-match", tag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    get(&stack, "/assets/index.html", &[]).await.refusal(404, "not_found");
    get(&stack, "/assets/..%2findex.html", &[])
        .await
        .refusal(404, "not_found");
    assert_eq!(
        get(&stack, "/config.json", &[]).await.data(200)["command_api"],
        Value::Null
    );
}

#[tokio::test]
async fn only_the_dashboards_origin_reads_the_answers_of_the_teams_paths() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let options = Options::of(&[Role::CommandApi]).with(&["--dashboard-origins", "https://team.example"]);
    let process = stack.launch(options).await;
    let team = agent.team.clone().at(process.url(Role::CommandApi));
    agent.knows_at(process.url(Role::CommandApi)).await;
    let visitor = agent.visitor().await;
    visitor.post_nothing("/conversation/request-human").await.data(202);
    let claim = format!("/api/v1/conversations/{}/claim", visitor.conversation_id);

    let preflight = async |origin: &str| {
        let request = team.command(Method::OPTIONS, &claim);
        let request = request.header(header::ORIGIN, origin);
        send(request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")).await
    };
    let allowed = preflight("https://team.example").await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://team.example")
    );
    let headers = allowed.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.contains("authorization"), "{headers}");
    for other in ["https://evil.example", "http://team.example", "null"] {
        assert_eq!(
            preflight(other).await.header("access-control-allow-origin"),
            None,
            "{other}"
        );
    }
    let claimed = send(
        team.command(Method::POST, &claim)
            .header(header::ORIGIN, "https://team.example"),
    )
    .await;
    assert_eq!(claimed.data(200)["claimed_by"], "robin");
    let exposed = claimed.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("Diagent-Position"), "{exposed}");
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let path = format!("/api/v1/conversations/{}", visitor.conversation_id);
    let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
    let first = agent.team.read_at(&path, &position).await.expect(200);
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));

    let ask = async || send(agent.team.query(&path).header(header::IF_NONE_MATCH, &tag)).await;
    let again = ask().await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    let position = visitor.post_nothing("/conversation/request-human").await.position();
    agent.team.read_at(&path, &position).await.expect(200);
    let changed = ask().await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

async fn found(agent: &Agent, query: &str) -> Vec<String> {
    let path = format!("/api/v1/workspaces/{}/conversations?{query}", agent.workspace_id);
    let data = agent.team.read(&path).await.data(200);
    let rows = data.as_array().expect("rows");
    let id = |row: &Value| row["conversation_id"].as_str().expect("an id").to_owned();
    rows.iter().map(id).collect()
}

#[tokio::test]
async fn a_team_sees_the_conversations_of_all_its_agents_and_finds_words_in_them() {
    let stack = Stack::shared().await;
    let agent = stack.taught_agent().await;
    let other = Agent::define(&stack, Definition::new().beside(&agent)).await;
    let (first, second, silent) = (agent.visitor().await, other.visitor().await, agent.visitor().await);
    let ask = async |visitor: &Visitor, message: &str| {
        visitor
            .post("/messages", &json!({ "message": message }))
            .await
            .data(200);
        let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
        agent
            .team
            .read_at(&agent.path("/conversations"), &position)
            .await
            .data(200);
    };
    ask(&first, "Can I return a lantern?").await;
    ask(&second, "Where is Ångström street 7b, for a head-torch?").await;
    ask(&first, "Can I return it?").await;

    let (a, b) = (first.conversation_id.clone(), second.conversation_id.clone());
    assert_eq!(found(&agent, "has_messages=true").await, [a.clone(), b.clone()]);
    assert_eq!(found(&agent, "has_messages=false").await, [silent.conversation_id]);
    for (words, expected) in [
        ("LANTERN", vec![&a]),
        ("torch ångström", vec![&b]),
        ("ret", vec![&a]),
        ("7b street", vec![&b]),
        ("lantern street", vec![]),
        ("%25", vec![&a, &b]),
        ("'%26|!(", vec![&a, &b]),
        (b.as_str(), vec![&b]),
    ] {
        let found = found(&agent, &format!("has_messages=true&q={words}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{words}");
    }
    assert_eq!(
        found(&agent, "low_confidence=true").await,
        [b],
        "nothing is known there"
    );
    assert_eq!(found(&agent, "has_messages=true&limit=1").await, [a]);

    let agents = agent.team.read("/api/v1/agents").await.data(200);
    let mut names: Vec<&str> = agents
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["agent_id"].as_str())
        .collect();
    let mut expected = [agent.id.as_str(), other.id.as_str()];
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "and nobody else's");
}

#[tokio::test]
async fn insights_count_each_conversation_once_however_far_it_got() {
    let agent = Stack::shared().await.taught_agent().await;
    let today = |insights: &Value| {
        insights["days"]
            .as_array()
            .expect("days")
            .last()
            .cloned()
            .expect("today")
    };
    let (answered, handed_over, lead) = (agent.visitor().await, agent.visitor().await, agent.visitor().await);
    agent.visitor().await;
    for (visitor, message) in [
        (&answered, "Can I return a lantern?"),
        (&handed_over, "Who won at chess?"),
        (&lead, "Can I return a lantern?"),
    ] {
        visitor
            .post("/messages", &json!({ "message": message }))
            .await
            .data(200);
    }
    handed_over.post_nothing("/conversation/request-human").await.data(202);
    handed_over
        .post("/events", &json!({ "event": "cta.click", "rule_id": "rule-1" }))
        .await
        .data(202);
    let over = &handed_over.conversation_id;
    agent.team.act(over, "claim", None).await.data(200);
    agent.team.act(over, "close", None).await.data(200);
    lead.post("/leads", &json!({ "email": "alex@example.com" }))
        .await
        .data(201);

    let mut insights = Value::Null;
    for visitor in [&answered, &handed_over, &lead] {
        let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
        insights = agent.team.read_at(&agent.path("/insights"), &position).await.data(200);
    }

    assert_eq!(insights["days"].as_array().map(Vec::len), Some(30));
    for figures in [&insights["total"], &today(&insights)] {
        for (name, expected) in [
            ("visits", 4),
            ("conversations", 3),
            ("handed_over", 1),
            ("answers", 3),
            ("low_confidence", 1),
            ("leads", 1),
        ] {
            assert_eq!(figures[name], expected, "{name} of {figures}");
        }
        assert!(figures["first_token_p50_ms"].as_i64() <= figures["first_token_p95_ms"].as_i64());
    }
    assert_eq!(
        insights["funnel"],
        json!({ "visits": 4, "conversations": 3, "answered": 2, "leads": 1 })
    );
    let clicks: Vec<&Value> = insights["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|row| row["rule_id"] == "rule-1")
        .collect();
    assert_eq!(
        (clicks.len(), &clicks[0]["event"], &clicks[0]["count"]),
        (1, &json!("cta.click"), &json!(1))
    );
}

#[tokio::test]
async fn insights_are_of_a_year_at_most() {
    let agent = Stack::shared().await.agent().await;
    for (query, field) in [
        ("from=2026-02-30", "from"),
        ("to=today", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("from=2020-01-01", "from"),
    ] {
        let path = format!("{}?{query}", agent.path("/insights"));
        assert_eq!(agent.team.read(&path).await.refused_fields(), [field], "{query}");
    }
}
