//! `POST /leads`. Contract: dedupes on (agent, e-mail); agent-defined fields; five a minute (see `limits`).

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Agent, Stack, Visitor};

async fn agent() -> Agent {
    let fields = json!([
        { "key": "company", "label": "Company", "required": true },
        { "key": "seats", "kind": "number" },
        { "key": "terms", "kind": "checkbox" },
        { "key": "plan", "kind": "select", "options": ["basic", "pro"] },
    ]);
    Stack::shared().await.agent_with(json!({ "lead_fields": fields })).await
}

async fn submit(visitor: &Visitor, email: &str) -> (u16, String) {
    let body = json!({ "email": email, "fields": { "company": "Acme" } });
    let answer = visitor.post("/leads", &body).await;
    let data = answer.data(answer.status);
    answer.position();
    (answer.status, data["lead_id"].as_str().expect("an id").to_owned())
}

#[tokio::test]
async fn the_form_asks_for_the_agents_own_fields() {
    let agent = agent().await;
    let welcome = agent.visitor().await.welcome;
    assert_eq!(welcome["agent"]["lead_fields"][0]["key"], "company");
    assert_eq!(welcome["agent"]["lead_fields"][0]["required"], true);
    assert_eq!(welcome["agent"]["lead_fields"][3]["options"], json!(["basic", "pro"]));
}

#[tokio::test]
async fn a_submission_is_in_the_log_as_it_was_sent() {
    let agent = agent().await;
    let visitor = agent.visitor().await;
    let body = json!({
        "name": "Alex Doe", "email": "Alex@Example.com", "phone": "+1 (555) 010-9999",
        "fields": { "company": "Acme", "seats": 12, "terms": true, "plan": "pro" },
    });

    let answer = visitor.post("/leads", &body).await;

    assert_eq!(answer.data(201)["lead_id"].as_str().map(str::len), Some(26));
    let captured = agent.logged("diagent.lead.captured").await;
    assert_eq!(captured.len(), 1);
    let data = &captured[0]["data"];
    assert_eq!((&data["name"], &data["phone"]), (&body["name"], &body["phone"]));
    assert_eq!(data["email"], "alex@example.com");
    assert_eq!(data["fields"], body["fields"]);
    assert_eq!(data["conversation_id"], visitor.conversation_id.as_str());
    assert!(
        !captured[0]["subject"].as_str().expect("a subject").contains("alex"),
        "no personal data in a subject"
    );
}

#[tokio::test]
async fn the_same_address_is_the_same_lead_in_any_spelling() {
    let agent = agent().await;
    let visitor = agent.visitor().await;

    let (created, first) = submit(&visitor, "alex@example.com").await;
    assert_eq!(created, 201);
    for email in ["ALEX@EXAMPLE.COM", "  alex@example.com ", "Alex@example.com"] {
        assert_eq!(submit(&visitor, email).await, (200, first.clone()), "{email}");
    }

    let (created, other) = submit(&visitor, "alex+news@example.com").await;
    assert_eq!(created, 201);
    assert_ne!(other, first);
    assert_eq!(agent.logged("diagent.lead.captured").await.len(), 5, "nothing is lost");
}

#[tokio::test]
async fn two_visitors_with_one_address_are_one_lead() {
    let agent = agent().await;
    let (one, other) = (agent.visitor().await, agent.visitor_at(agent.second().await).await);
    let (created, first) = submit(&one, "alex@example.com").await;
    assert_eq!((created, submit(&other, "Alex@Example.com").await), (201, (200, first)));
}

#[tokio::test]
async fn one_address_at_two_agents_is_two_leads() {
    let (here, there) = (agent().await, agent().await);
    let (_, one) = submit(&here.visitor().await, "alex@example.com").await;
    let (created, other) = submit(&there.visitor().await, "alex@example.com").await;
    assert_eq!(created, 201);
    assert_ne!(one, other);
}

#[tokio::test]
async fn the_team_reads_what_was_agreed_to_last_and_when() {
    let form = |text: &str| json!({ "lead_form": { "consent": text } });
    let mut agent = Stack::shared().await.agent_with(form("You may call me.")).await;
    let visitor = agent.visitor().await;
    let body = json!({ "email": "alex@example.com", "consent": true });
    let first = visitor.post("/leads", &body).await;
    first.data(201);
    agent.redefine(form("You may call me \"today\".")).await;
    let visitor = agent.visitor().await;
    let second = visitor.post("/leads", &body).await;
    second.data(200);
    let agreed_at = agent.logged("diagent.lead.captured").await[1]["data"]["at"].clone();
    agent.redefine(json!({ "lead_form": null })).await;
    let third = agent.visitor().await.post("/leads", &body).await;

    // Each visitor stands in a partition of their own.
    let mut lead = Value::Null;
    for submitted in [first, second, third] {
        let leads = agent.team.read_at(&agent.path("/leads"), &submitted.position()).await;
        lead = leads.data(200)[0].clone();
    }

    assert_eq!(lead["submissions"], 3);
    assert_eq!(
        (&lead["consent"], &lead["consented_at"]),
        (&json!("You may call me \"today\"."), &agreed_at)
    );
    assert_ne!(lead["consented_at"], lead["last_seen_at"]);
    let csv = agent.team.read(&agent.path("/leads?format=csv")).await;
    let text = csv.expect(200).text();
    let line = format!(
        ",\"You may call me \"\"today\"\".\",\"{}\"",
        agreed_at.as_str().expect("a time")
    );
    assert!(
        text.lines().nth(1).is_some_and(|first| first.ends_with(&line)),
        "{text}"
    );
}

#[tokio::test]
async fn submissions_that_race_are_all_kept() {
    let agent = agent().await;
    let visitors = join_all((0..6).map(|_| agent.visitor())).await;
    let submitted = join_all(visitors.iter().map(|visitor| submit(visitor, "crowd@example.com"))).await;
    for (_, lead) in &submitted {
        assert_eq!(*lead, submitted[0].1);
    }
    assert_eq!(agent.logged("diagent.lead.captured").await.len(), 6);
}

#[tokio::test]
async fn of_submissions_of_one_visitor_that_race_one_creates_the_lead() {
    let visitor = agent().await.visitor().await;
    let submitted = join_all((0..4).map(|_| submit(&visitor, "hasty@example.com"))).await;
    let created = submitted.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(created, 1, "{submitted:?}");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let agent = agent().await;
    let visitor = agent.busy_visitor().await;
    let fine = json!({ "company": "Acme" });
    let table: Vec<(Value, Vec<&str>)> = vec![
        (json!({ "fields": fine }), vec!["email"]),
        (json!({ "email": "", "fields": fine }), vec!["email"]),
        (json!({ "email": "alex", "fields": fine }), vec!["email"]),
        (json!({ "email": "alex@", "fields": fine }), vec!["email"]),
        (json!({ "email": "alex@localhost", "fields": fine }), vec!["email"]),
        (json!({ "email": "al ex@example.com", "fields": fine }), vec!["email"]),
        (
            json!({ "email": "alex@example.com\r\nBcc: x@y.z", "fields": fine }),
            vec!["email"],
        ),
        (
            json!({ "email": format!("{}@example.com", "x".repeat(250)), "fields": fine }),
            vec!["email"],
        ),
        (
            json!({ "email": "a@b.example", "phone": "call me", "fields": fine }),
            vec!["phone"],
        ),
        (
            json!({ "email": "a@b.example", "phone": "123", "fields": fine }),
            vec!["phone"],
        ),
        (
            json!({ "email": "a@b.example", "name": "x".repeat(201), "fields": fine }),
            vec!["name"],
        ),
        (
            json!({ "email": "a@b.example", "name": "two\nlines", "fields": fine }),
            vec!["name"],
        ),
        (json!({ "email": "a@b.example" }), vec!["fields.company"]),
        (
            json!({ "email": "a@b.example", "fields": { "company": "  " } }),
            vec!["fields.company"],
        ),
        (
            json!({ "email": "a@b.example", "fields": { "company": "Acme", "seats": "many" } }),
            vec!["fields.seats"],
        ),
        (
            json!({ "email": "a@b.example", "fields": { "company": "Acme", "plan": "gold" } }),
            vec!["fields.plan"],
        ),
        (
            json!({ "email": "a@b.example", "fields": { "company": "Acme", "terms": "yes" } }),
            vec!["fields.terms"],
        ),
        (
            json!({ "email": "a@b.example", "fields": { "company": "Acme", "colour": "red" } }),
            vec!["fields.colour"],
        ),
        (
            json!({ "email": "x", "phone": "x", "fields": { "seats": "x" } }),
            vec!["email", "phone", "fields.company", "fields.seats"],
        ),
    ];
    for (body, expected) in table {
        let refused = visitor.post("/leads", &body).await.refused_fields();
        assert_eq!(refused, expected, "{body}");
    }
    visitor
        .post("/leads", &json!({ "email": "a@b.example", "fields": "text" }))
        .await
        .refusal(422, "validation_failed");
    assert_eq!(agent.logged("diagent.lead.captured").await.len(), 0);
}

#[tokio::test]
async fn what_people_leave_empty_is_left_out() {
    let agent = agent().await;
    let visitor = agent.visitor().await;
    let body = json!({ "email": "a@b.example", "name": "", "phone": " ", "fields": { "company": "Acme", "seats": "", "plan": null } });
    visitor.post("/leads", &body).await.data(201);
    let data = agent.logged("diagent.lead.captured").await[0]["data"].clone();
    assert_eq!(data.get("name"), None);
    assert_eq!(data.get("phone"), None);
    assert_eq!(data["fields"], json!({ "company": "Acme" }));
}
