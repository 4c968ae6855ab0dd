//! `GET /api/v1/conversations/{id}?at=`: a conversation as it was, with what its agent was then.

use serde_json::{Value, json};

use crate::support::{Agent, Parameters, Stack, Visitor, send};

/// A conversation with everything in it, in which the agent changes after the first answer; and all its events.
async fn told() -> (Agent, Visitor, Vec<Value>) {
    let mut agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Who was your founder, the lighthouse keeper?").await;
    agent.redefine(json!({ "name": "Bertha" })).await;
    let position = agent.teach("/about", "About us", "We have always been here.").await;
    agent.knows(&position).await;
    let answer = visitor.messages().await[1]["id"].as_str().expect("an id").to_owned();
    visitor
        .post(&format!("/messages/{answer}/feedback"), &json!({ "rating": "up" }))
        .await
        .expect(204);
    visitor.post_nothing("/conversation/clear").await.data(200);
    visitor.post("/conversation/request-human", &json!({})).await.data(202);
    agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);
    let reply = json!({ "content": "Yes." });
    let replied = agent.team.act(&visitor.conversation_id, "reply", Some(reply)).await;
    replied.data(201);
    visitor
        .post("/conversation/satisfaction", &json!({ "rating": "good" }))
        .await
        .expect(204);
    agent
        .team
        .act(&visitor.conversation_id, "release", None)
        .await
        .data(200);
    visitor.ask("And the shipping costs?").await;
    visitor.post_nothing("/conversation/close").await.expect(204);
    let log = agent.log().await;
    let own = |event: &Value| event["conversationid"] == visitor.conversation_id.as_str();
    let events = log.into_iter().filter(own).collect();
    (agent, visitor, events)
}

fn path(visitor: &Visitor) -> String {
    format!("/api/v1/conversations/{}", visitor.conversation_id)
}

async fn at(agent: &Agent, visitor: &Visitor, at: &str) -> Value {
    send(agent.team.query(&path(visitor)).query(&[("at", at)]))
        .await
        .data(200)
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().expect("text")
}

#[tokio::test]
async fn a_conversation_at_its_last_event_is_what_the_read_model_says() {
    let (agent, visitor, events) = told().await;
    let last = text(events.last().expect("events"), "position");
    let mut live = agent.team.read_at(&path(&visitor), last).await.data(200);
    let mut then = at(&agent, &visitor, last).await;

    assert_eq!(then["as_of"]["position"], last);
    for view in [&mut live, &mut then] {
        let fields = view.as_object_mut().expect("an object");
        fields.remove("preview");
        fields.remove("as_of");
    }
    assert_eq!(then, live);
    assert_eq!(then["state"], "closed");
    let now = at(&agent, &visitor, "2999-01-01T00:00:00Z").await;
    assert_eq!(now["messages"], then["messages"]);
}

#[tokio::test]
async fn a_conversation_is_read_as_it_was_with_its_agent_and_its_citations() {
    let (agent, visitor, events) = told().await;
    let answered = events
        .iter()
        .find(|event| event["type"] == "diagent.message.answered")
        .expect("an answer");

    let then = at(&agent, &visitor, text(answered, "position")).await;

    assert_eq!((&then["state"], &then["message_count"]), (&json!("open"), &json!(2)));
    assert_eq!(then["as_of"]["agent"]["name"], "Aria", "before it was called Bertha");
    assert_eq!(then["messages"][0]["status"], "answered");
    let answer = &then["messages"][1];
    assert_eq!(answer["citations"], answered["data"]["citations"]);
    let cited = answer["citations"].as_array().expect("citations");
    assert!(
        cited.iter().any(|one| text(one, "snippet").contains("Matilda Thrale")),
        "the page says something else since: {answer}"
    );
    assert_eq!((&answer["rating"], &answer["cleared"]), (&json!(null), &json!(false)));

    let mut counted = 0;
    for event in &events {
        let then = at(&agent, &visitor, text(event, "position")).await;
        assert_eq!(then["as_of"]["position"], event["position"]);
        let is_message = ["posted", "answered", "replied"]
            .iter()
            .any(|said| event["type"] == format!("diagent.message.{said}"));
        counted += i64::from(is_message);
        assert_eq!(then["message_count"], counted, "at {}", event["type"]);
    }
    assert_eq!(counted, 5);
    let last = at(&agent, &visitor, text(events.last().expect("events"), "cursor")).await;
    assert_eq!(last["as_of"]["agent"]["name"], "Bertha");
}

#[tokio::test]
async fn before_it_began_and_for_others_it_does_not_exist() {
    let (agent, visitor, events) = told().await;
    let request = |at: &str| agent.team.query(&path(&visitor)).query(&[("at", at)]);
    let not_found = send(request("2001-01-01T00:00:00Z")).await;
    not_found.refusal(404, "conversation_not_found");
    for odd in ["soon", "99:1", "0:99999999"] {
        assert_eq!(send(request(odd)).await.refused_fields(), ["at"], "{odd}");
    }
    let other = Stack::shared().await.agent().await;
    let last = text(events.last().expect("events"), "position");
    let foreign = send(other.team.query(&path(&visitor)).query(&[("at", last)])).await;
    foreign.refusal(404, "conversation_not_found");

    let silent = agent.visitor().await;
    let log = agent.log().await;
    let started = log
        .iter()
        .find(|event| event["data"]["conversation_id"] == silent.conversation_id.as_str())
        .expect("it began");
    agent
        .team
        .read_at(&path(&silent), text(started, "position"))
        .await
        .data(200);
    let then = at(&agent, &silent, text(started, "position")).await;
    assert_eq!(then["message_count"], 0, "nobody has written in it yet");
}
