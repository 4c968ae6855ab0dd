//! What must be found nowhere: no personal data in log lines, figures, subjects and ids.

use serde_json::json;

use crate::support::{Stack, http, logs, send, unique};

#[tokio::test]
async fn log_lines_and_figures_hold_no_personal_data() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let word = unique("personal");
    let mut body = agent.init_body();
    body["anon_id"] = json!(format!("anon_{word}"));
    body["page_url"] = json!(agent.page(&format!("/{word}")));
    let init = agent.init(&body).await;
    let visitor = crate::support::Visitor::new(stack.command_api(), &agent.origin, &init);
    let answer = visitor.ask(&format!("My name is {word}, do you know me?")).await;
    visitor
        .post(
            &format!("/messages/{}/feedback", answer.message_id),
            &json!({ "rating": "down", "comment": word }),
        )
        .await
        .expect(204);
    visitor
        .post(
            "/leads",
            &json!({ "email": format!("{word}@example.com"), "name": word }),
        )
        .await
        .data(201);
    visitor
        .post("/leads", &json!({ "email": word }))
        .await
        .refusal(422, "validation_failed");
    visitor
        .post(
            "/events",
            &json!({ "event": "x", "page_url": agent.page(&format!("/?q={word}")), "metadata": { "note": word } }),
        )
        .await
        .data(202);
    visitor
        .get(&format!("/conversation/messages?before={word}"))
        .await
        .refusal(422, "validation_failed");
    visitor.get(&format!("/nowhere/{word}")).await.refusal(404, "not_found");
    visitor
        .with_token(&format!("{word}.b.c"))
        .get("/me")
        .await
        .refusal(401, "unauthorized");
    agent
        .team
        .read_at(&agent.path(&format!("/leads?q={word}")), &visitor.position)
        .await
        .data(200);
    let erased = visitor.erase().await;
    agent
        .team
        .read_at(&agent.path("/conversations"), &erased.position())
        .await
        .data(200);

    let logged = logs::all();
    assert!(logged.contains("widget"), "nothing is logged at all");
    let found: Vec<&str> = logged.lines().filter(|line| line.contains(&word)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(!logged.contains(&visitor.token), "a token is logged");
    for url in [stack.command_api(), stack.read_api()] {
        let metrics = send(http::client().get(format!("{url}/metrics")))
            .await
            .expect(200)
            .text();
        assert!(!metrics.contains(&word));
    }
}

#[tokio::test]
async fn subjects_and_ids_of_events_hold_no_personal_data() {
    let agent = Stack::shared().await.agent().await;
    let word = unique("personal");
    let visitor = agent.returning(&format!("anon_{word}")).await;
    visitor
        .post(
            "/leads",
            &json!({ "email": format!("{word}@example.com"), "name": word }),
        )
        .await
        .data(201);
    for event in agent.log().await {
        let mut attributes = event.clone();
        attributes.as_object_mut().expect("an object").remove("data");
        assert!(!attributes.to_string().contains(&word), "{attributes}");
    }
}
