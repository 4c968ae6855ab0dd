//! What a visitor does with a conversation beside writing: state, list, clear, close, a person, a verdict, typing.

use serde_json::{Value, json};

use crate::support::{Stack, Visitor};

#[tokio::test]
async fn its_state_is_told() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let fresh = visitor.get("/conversation").await.data(200);
    assert_eq!(fresh["conversation_id"], visitor.conversation_id.as_str());
    assert_eq!(fresh["state"], "open");
    assert_eq!(fresh["message_count"], 0);
    assert_eq!(fresh["human_requested"], false);
    for name in ["claimed_by", "last_message_at", "cleared_at", "active_message"] {
        assert_eq!(fresh[name], Value::Null, "{name}");
    }

    visitor.ask("How are you?").await;

    let used = visitor.get("/conversation").await.data(200);
    assert_eq!(used["message_count"], 2);
    assert!(used["last_message_at"].is_string());
}

#[tokio::test]
async fn clearing_hides_and_keeps() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("A secret of mine").await;

    let cleared = visitor.post_nothing("/conversation/clear").await;

    assert!(cleared.data(200)["cleared_at"].is_string());
    cleared.position();
    assert_eq!(visitor.messages().await, Vec::<Value>::new());
    assert!(visitor.get("/conversation").await.data(200)["cleared_at"].is_string());
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let call = script.call().await;
    let told = call.request["messages"].to_string();
    assert!(
        !told.contains("A secret of mine"),
        "the model is not told what was cleared: {told}"
    );
    call.answer(&["Hello again."]);
    stream.to_end().await;
    let posted = agent.logged("diagent.message.posted").await;
    assert_eq!(posted[0]["data"]["content"], "A secret of mine", "the log keeps it");
    assert_eq!(agent.logged("diagent.conversation.cleared").await.len(), 1);
}

#[tokio::test]
async fn a_closed_conversation_takes_no_messages() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Before?").await;
    visitor.post_nothing("/conversation/close").await.expect(204).position();
    visitor.post_nothing("/conversation/close").await.expect(204);

    visitor
        .post("/messages", &json!({ "message": "After?" }))
        .await
        .refusal(409, "conversation_closed");
    visitor
        .post("/messages/stream", &json!({ "message": "After?" }))
        .await
        .refusal(409, "conversation_closed");
    visitor
        .post_nothing("/conversation/request-human")
        .await
        .refusal(409, "conversation_closed");

    assert_eq!(visitor.get("/conversation").await.data(200)["state"], "closed");
    assert_eq!(visitor.messages().await.len(), 2, "it can still be read");
    visitor
        .post("/conversation/satisfaction", &json!({ "rating": "good" }))
        .await
        .expect(204);
    let closed = agent.logged("diagent.conversation.closed").await;
    assert_eq!(closed.len(), 1, "closing twice changes nothing");
    assert_eq!(closed[0]["data"]["by"], "visitor");
}

#[tokio::test]
async fn closing_ends_an_answer() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("While I ");
    stream.token().await;
    visitor.post_nothing("/conversation/close").await.expect(204);
    call.gone().await;
    assert_eq!(
        stream
            .to_end()
            .await
            .lines
            .last()
            .map(|line| line.event().to_owned())
            .as_deref(),
        Some("done")
    );
}

#[tokio::test]
async fn a_person_is_asked_for_once() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let asked = visitor
        .post(
            "/conversation/request-human",
            &json!({ "reason": "It is complicated." }),
        )
        .await;
    assert_eq!(asked.data(202)["claimed"], false);
    visitor.post_nothing("/conversation/request-human").await.data(202);
    assert_eq!(visitor.get("/conversation").await.data(200)["human_requested"], true);
    let requested = agent.logged("diagent.conversation.human_requested").await;
    assert_eq!(requested.len(), 1);
    assert_eq!(requested[0]["data"]["reason"], "It is complicated.");
    visitor.ask("Does the agent still answer meanwhile?").await;
    let long = json!({ "reason": "x".repeat(2_001) });
    assert_eq!(
        visitor
            .post("/conversation/request-human", &long)
            .await
            .refused_fields(),
        ["reason"]
    );
}

#[tokio::test]
async fn a_verdict_on_the_conversation() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    for rating in ["bad", "good"] {
        let body = json!({ "rating": rating, "comment": "Well." });
        visitor
            .post("/conversation/satisfaction", &body)
            .await
            .expect(204)
            .position();
    }
    let rated = agent.logged("diagent.conversation.rated").await;
    assert_eq!(rated.len(), 2);
    assert_eq!(rated[1]["data"]["rating"], "good");
    for (body, field) in [
        (json!({}), "rating"),
        (json!({ "rating": "up" }), "rating"),
        (json!({ "rating": "good", "comment": "x".repeat(2_001) }), "comment"),
    ] {
        let fields = visitor.post("/conversation/satisfaction", &body).await.refused_fields();
        assert!(
            fields.iter().any(|name| name == field || name == "body"),
            "{body}: {fields:?}"
        );
    }
}

#[tokio::test]
async fn typing_is_never_stored() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let before = agent.log().await.len();
    let typed = visitor.post_nothing("/conversation/typing").await.expect(204);
    assert!(typed.body.is_empty());
    visitor
        .post("/conversation/typing", &json!({ "typing": false }))
        .await
        .expect(204);
    visitor.post("/conversation/typing", &json!({})).await.expect(204);
    assert_eq!(agent.log().await.len(), before);
    visitor
        .post("/conversation/typing", &json!({ "typing": "much" }))
        .await
        .refusal(422, "validation_failed");
}

#[tokio::test]
async fn a_visitors_conversations_are_listed_newest_first() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    first.ask("The first of all?").await;
    first.post_nothing("/conversation/close").await.expect(204);
    let second = agent.returning(&first.anonymous_id).await;
    second.ask("The second?").await;
    agent.visitor().await.ask("Somebody else's?").await;

    let list = second.get("/conversations").await.data(200);

    let ids: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["conversation_id"].as_str())
        .collect();
    assert_eq!(ids, [second.conversation_id.as_str(), first.conversation_id.as_str()]);
    assert_eq!(
        (&list[0]["state"], &list[1]["state"]),
        (&json!("open"), &json!("closed"))
    );
    assert!(
        list[1]["preview"]
            .as_str()
            .is_some_and(|preview| !preview.is_empty() && preview.chars().count() <= 200)
    );
    assert!(list[0]["started_at"].as_str() >= list[1]["started_at"].as_str());
    assert_eq!(
        second
            .get("/conversations?limit=1")
            .await
            .data(200)
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    for query in ["?limit=0", "?limit=101", "?limit=x"] {
        assert_eq!(
            second.get(&format!("/conversations{query}")).await.refused_fields(),
            ["limit"]
        );
    }
}

#[tokio::test]
async fn every_write_says_where_it_stands() {
    let visitor: Visitor = Stack::shared().await.agent().await.visitor().await;
    let sequence = |position: &str| {
        position
            .split_once(':')
            .map(|(p, s)| (p.to_owned(), s.parse::<u64>().expect("a number")))
    };
    let mut last = sequence(&visitor.position).expect("a position");
    for answer in [
        visitor.post("/messages", &json!({ "message": "Hello?" })).await,
        visitor.post("/events", &json!({ "event": "cta.click" })).await,
        visitor.post("/leads", &json!({ "email": "a@b.example" })).await,
        visitor.post_nothing("/conversation/request-human").await,
        visitor
            .post("/conversation/satisfaction", &json!({ "rating": "good" }))
            .await,
        visitor.post_nothing("/conversation/clear").await,
        visitor.post_nothing("/conversation/close").await,
        visitor.erase().await,
    ] {
        let next = sequence(&answer.position()).expect("a position");
        assert_eq!(next.0, last.0, "one visitor's events are in one partition");
        assert!(next.1 > last.1, "and in their order: {answer}");
        last = next;
    }
}
