//! What a team counts: telemetry, usage against quota, unanswered questions, and where the read models stand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Agent, Definition, Stack, until};

#[tokio::test]
async fn telemetry_is_counted_by_day_event_rule_and_page() {
    let agent = Stack::shared().await.agent().await;
    let (one, other) = (agent.visitor().await, agent.visitor().await);
    let pricing = agent.page("/pricing?utm_source=x&email=alex@example.com#top");
    one.post(
        "/events",
        &json!([{ "event": "cta.click", "rule_id": "r1", "page_url": pricing }, { "event": "launcher.opened" }]),
    )
    .await
    .data(202);
    let first = one
        .post(
            "/events",
            &json!({ "event": "cta.click", "rule_id": "r1", "page_url": agent.page("/pricing") }),
        )
        .await
        .position();
    let second = other
        .post(
            "/events",
            &json!([{ "event": "cta.click", "rule_id": "r2" }, { "event": "launcher.opened" }]),
        )
        .await
        .position();
    agent.team.read_at(&agent.path("/telemetry"), &first).await.data(200);

    let counts = agent.team.read_at(&agent.path("/telemetry"), &second).await.data(200);

    let counts = counts.as_array().expect("counts");
    let count = |event: &str, rule: &str, page: &str| {
        let row = counts
            .iter()
            .find(|row| row["event"] == event && row["rule_id"] == rule && row["page"] == page);
        row.map(|row| row["count"].clone())
    };
    assert_eq!(
        count("cta.click", "r1", "/pricing"),
        Some(json!(2)),
        "a query is nobody's business: {counts:?}"
    );
    assert_eq!(count("cta.click", "r2", ""), Some(json!(1)));
    assert_eq!(count("launcher.opened", "", ""), Some(json!(2)));
    assert_eq!(counts.len(), 3);
    assert_eq!(counts[0]["day"].as_str().map(str::len), Some(10));
    for query in ["from=2999-01-01", "to=2000-01-01"] {
        let none = agent
            .team
            .read(&agent.path(&format!("/telemetry?{query}")))
            .await
            .data(200);
        assert_eq!(none, json!([]), "{query}");
    }
    assert_eq!(
        agent
            .team
            .read(&agent.path("/telemetry?from=monday"))
            .await
            .refused_fields(),
        ["from"]
    );
}

#[tokio::test]
async fn usage_is_counted_by_month_against_the_quota() {
    let stack = Stack::with_model().await;
    let agent = Agent::define(&stack, Definition::new().quota(50)).await;
    let beside = Agent::define(&stack, Definition::new().quota(50).beside(&agent)).await;
    let later = stack.later(Duration::from_hours(24 * 31)).await;
    let visitors = [
        agent.visitor().await,
        agent.visitor().await,
        beside.visitor().await,
        agent.visitor_at(later.command_api()).await,
    ];
    let mut script = stack.model().script();
    let stream = visitors[0].stream_message(&script.question(), "c1").await;
    script.call().await.answer(&["One."]);
    stream.to_end().await;
    for visitor in &visitors {
        let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
        agent
            .team
            .read_at(&format!("/api/v1/workspaces/{}/usage", agent.workspace_id), &position)
            .await
            .data(200);
    }

    let usage = agent
        .team
        .read(&format!("/api/v1/workspaces/{}/usage", agent.workspace_id))
        .await
        .data(200);

    assert_eq!(usage["monthly_conversations"], 50);
    let months = usage["months"].as_array().expect("months");
    assert_eq!(months.len(), 2, "{usage}");
    assert!(
        months[0]["month"].as_str() > months[1]["month"].as_str(),
        "the newest first"
    );
    assert_eq!(
        (&months[1]["conversations"], &months[0]["conversations"]),
        (&json!(3), &json!(1))
    );
    assert_eq!((&months[1]["messages"], &months[1]["answers"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&months[1]["prompt_tokens"], &months[1]["completion_tokens"]),
        (&json!(21), &json!(7))
    );
}

#[tokio::test]
async fn unanswered_questions_are_grouped() {
    let agent = Stack::shared().await.taught_agent().await;
    let questions = [
        "Do you sell umbrellas in Reykjavik?",
        "do you sell umbrellas in reykjavik",
        "Where can penguins park submarines?",
        "Can I return a lantern?",
    ];
    for question in questions {
        let visitor = agent.visitor().await;
        visitor.ask(question).await;
        let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
        agent.team.read_at(&agent.path("/gaps"), &position).await.data(200);
    }

    let gaps = agent.team.read(&agent.path("/gaps")).await.data(200);

    let gaps = gaps.as_array().expect("gaps");
    assert_eq!(gaps.len(), 2, "what was answered is no gap: {gaps:?}");
    assert_eq!(gaps[0]["times"], 2);
    assert!(
        gaps[0]["question"]
            .as_str()
            .is_some_and(|question| question.to_lowercase().contains("umbrellas"))
    );
    assert_eq!(gaps[0]["conversations"].as_array().map(Vec::len), Some(2));
    assert_eq!(gaps[1]["times"], 1);
}

#[tokio::test]
async fn every_projection_says_where_it_stands_and_catches_up() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    agent.visitor().await.ask("Is it counted?").await;
    until("everything is caught up", async || {
        let projections = agent.team.read("/api/v1/projections").await.data(200);
        let projections = projections.as_array().expect("a list").clone();
        let names: Vec<&str> = projections
            .iter()
            .filter_map(|one| one["projection"].as_str())
            .collect();
        for name in ["conversations", "leads", "telemetry", "usage", "documents", "gaps"] {
            assert!(names.contains(&name), "{name} is missing: {names:?}");
        }
        let well = |one: &Value| one["state"] == "running" && one["dead_letters"] == 0 && one["live"] == true;
        assert!(projections.iter().all(well), "{projections:?}");
        // Other tests write meanwhile: a small lag is no fault.
        let lag: u64 = projections.iter().filter_map(|one| one["lag_events"].as_u64()).sum();
        if lag < 50 {
            Ok(())
        } else {
            Err(format!("{lag} events behind"))
        }
    })
    .await;
}
