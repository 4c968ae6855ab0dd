//! `POST /messages/{id}/feedback`.

use serde_json::{Value, json};

use crate::support::Stack;

#[tokio::test]
async fn the_last_verdict_counts_and_null_takes_it_back() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let answer = visitor.ask("Was it good?").await.message_id;
    let path = format!("/messages/{answer}/feedback");
    for rating in [json!("up"), json!("down"), Value::Null, json!("up")] {
        let rated = visitor
            .post(&path, &json!({ "rating": rating, "comment": "Hm." }))
            .await
            .expect(204);
        assert!(rated.body.is_empty());
        rated.position();
        let shown = visitor.messages().await[1].clone();
        assert_eq!(shown.get("rating").cloned().unwrap_or_default(), rating);
    }
    let rated = agent.logged("diagent.message.rated").await;
    assert_eq!(rated.len(), 4, "the log keeps all of them");
    assert_eq!(rated[0]["data"]["comment"], "Hm.");
    assert_eq!(rated[0]["data"]["message_id"], answer.as_str());
}

#[tokio::test]
async fn only_an_answer_can_be_rated() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    visitor.ask("Was it good?").await;
    let question = visitor.messages().await[0]["id"].as_str().expect("an id").to_owned();
    for id in ["01JA8Q5T3V9Y6ZK4W2M7XN8RBC", "nonsense", &question] {
        visitor
            .post(&format!("/messages/{id}/feedback"), &json!({ "rating": "up" }))
            .await
            .refusal(404, "message_not_found");
    }
}

#[tokio::test]
async fn verdicts_that_make_no_sense_are_refused() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let path = format!("/messages/{}/feedback", visitor.ask("Was it good?").await.message_id);
    for (body, field) in [
        (json!({}), "rating"),
        (json!({ "rating": "sideways" }), "rating"),
        (json!({ "rating": 5 }), "rating"),
        (json!({ "rating": "up", "comment": "x".repeat(2_001) }), "comment"),
        (json!({ "rating": "up", "comment": 7 }), "comment"),
    ] {
        let fields = visitor.post(&path, &body).await.refused_fields();
        assert!(
            fields.iter().any(|name| name == field || name == "body"),
            "{body}: {fields:?}"
        );
    }
}
