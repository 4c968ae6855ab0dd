//! Read models are the log's fold: whatever is restarted, delivered twice, or built again.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Agent, Options, Parameters, Process, Role, Stack, Visitor, send, until};

/// What a team sees of an agent, all of it.
async fn everything(agent: &Agent, read_api: &str, position: &str) -> Value {
    let mut seen = serde_json::Map::new();
    for list in [
        "/conversations?limit=200",
        "/leads?limit=200",
        "/telemetry",
        "/gaps?limit=200",
        "/documents",
    ] {
        let answer = send(
            agent
                .team
                .clone()
                .at_reader(read_api)
                .query(&agent.path(list))
                .query(&[("min_position", position)]),
        )
        .await;
        seen.insert(list.to_owned(), answer.data(200));
    }
    let ids: Vec<String> = seen["/conversations?limit=200"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| Some(row["conversation_id"].as_str()?.to_owned()))
        .collect();
    for id in ids {
        let path = format!("/api/v1/conversations/{id}");
        let answer = send(agent.team.clone().at_reader(read_api).query(&path)).await;
        seen.insert(path, answer.data(200));
    }
    let usage = format!("/api/v1/workspaces/{}/usage", agent.workspace_id);
    seen.insert(
        "usage".to_owned(),
        send(agent.team.clone().at_reader(read_api).query(&usage))
            .await
            .data(200),
    );
    Value::Object(seen)
}

/// Waits until every projection has seen the whole log.
async fn caught_up(agent: &Agent, read_api: &str) {
    until("the projections have caught up", async || {
        let answer = send(agent.team.clone().at_reader(read_api).query("/api/v1/projections")).await;
        let projections = answer.data(200);
        let projections = projections.as_array().expect("a list");
        let done = projections.len() >= 6
            && projections
                .iter()
                .all(|one| one["lag_events"] == 0 && one["dead_letters"] == 0);
        if done { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

/// Visitors who do all kinds of things, at the same time.
async fn crowd(agent: &Agent, size: usize) -> Vec<Visitor> {
    let visitors = join_all((0..size).map(|_| agent.visitor())).await;
    join_all(visitors.iter().enumerate().map(async |(number, visitor)| {
        let answer = visitor.ask(&format!("Do you sell umbrellas number {number}?")).await;
        visitor
            .post(
                &format!("/messages/{}/feedback", answer.message_id),
                &json!({ "rating": "down" }),
            )
            .await
            .expect(204);
        let lead = json!({ "email": format!("person{}@example.com", number % 3), "name": format!("Person {number}") });
        visitor.post("/leads", &lead).await;
        visitor
            .post(
                "/events",
                &json!([{ "event": "cta.click" }, { "event": "launcher.opened" }]),
            )
            .await
            .data(202);
        if number % 4 == 1 {
            visitor.post_nothing("/conversation/clear").await.data(200);
            visitor.ask("And after a clear?").await;
        }
        if number % 4 == 2 {
            agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);
            agent
                .team
                .act(&visitor.conversation_id, "reply", Some(json!({ "content": "Hello." })))
                .await
                .data(201);
        }
        if number % 4 == 3 {
            visitor.post_nothing("/conversation/close").await.expect(204);
        }
    }))
    .await;
    visitors
}

async fn projector(stack: &Arc<Stack>) -> Process {
    stack.launch(Options::of(&[Role::Projector])).await
}

const WITHOUT_PROJECTOR: [Role; 3] = [Role::CommandApi, Role::Responder, Role::ReadApi];

#[tokio::test]
async fn killed_restarted_and_built_again_they_say_the_same() {
    let stack = Stack::of(&WITHOUT_PROJECTOR).await;
    let agent = stack.agent().await;
    let mut running = projector(&stack).await;
    // It dies in the middle of what it does, three times: events are delivered again.
    let mut visitors = Vec::new();
    for _ in 0..3 {
        let (more, next) = tokio::join!(crowd(&agent, 8), async {
            running.kill();
            projector(&stack).await
        });
        visitors.extend(more);
        running = next;
    }
    caught_up(&agent, stack.read_api()).await;
    let gone = &visitors[5];
    gone.erase().await.data(202);
    caught_up(&agent, stack.read_api()).await;
    let position = &visitors[0].position;
    let first = everything(&agent, stack.read_api(), position).await;

    // The same log, folded into an empty database.
    running.kill();
    let again = stack.on_an_empty_database(&[Role::Projector, Role::ReadApi]).await;
    caught_up(&agent, again.url(Role::ReadApi)).await;
    let second = everything(&agent, again.url(Role::ReadApi), position).await;

    // Counts without a visitor stay when the visitor goes, and cannot be counted again: see below.
    let counts = ["/telemetry", "usage"];
    let seen = first.as_object().expect("an object").keys();
    for part in seen.filter(|part| !counts.contains(&part.as_str())) {
        assert_eq!(first[part], second[part], "{part}");
    }
    assert!(
        !second.to_string().contains(&gone.visitor_id),
        "nothing of the erased visitor comes back"
    );
    let rows = first["/conversations?limit=200"].as_array().expect("rows");
    assert_eq!(rows.len(), 23);
    let leads = first["/leads?limit=200"].as_array().expect("rows");
    let submissions: i64 = leads
        .iter()
        .map(|lead| lead["submissions"].as_i64().expect("a number"))
        .sum();
    assert_eq!(
        (leads.len(), submissions),
        (3, 23),
        "each submission counts once, and none of the erased visitor: {leads:?}"
    );
    let clicks = |seen: &Value| -> i64 {
        let counts = seen["/telemetry"].as_array().expect("rows").iter();
        counts.map(|row| row["count"].as_i64().expect("a number")).sum()
    };
    assert_eq!((clicks(&first), clicks(&second)), (48, 46));
    let conversations = |seen: &Value| seen["usage"]["months"][0]["conversations"].clone();
    assert_eq!((conversations(&first), conversations(&second)), (json!(24), json!(23)));
}

#[tokio::test]
async fn what_is_read_equals_the_fold_of_what_is_replayed() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitors = crowd(&agent, 12).await;
    for visitor in &visitors {
        let position = visitor.get("/conversation/messages").await.position();
        for list in ["/conversations", "/leads", "/telemetry", "/gaps"] {
            agent.team.read_at(&agent.path(list), &position).await.data(200);
        }
    }
    let log = agent.log().await;
    let of = |kind: &'static str| log.iter().filter(move |event| event["type"] == kind);

    for visitor in &visitors {
        let own =
            |kind: &'static str| of(kind).filter(|event| event["conversationid"] == visitor.conversation_id.as_str());
        let read = agent
            .team
            .read(&format!("/api/v1/conversations/{}", visitor.conversation_id))
            .await
            .data(200);
        let expected: Vec<&Value> = log
            .iter()
            .filter(|event| {
                event["conversationid"] == visitor.conversation_id.as_str() && event["data"]["content"].is_string()
            })
            .map(|event| &event["data"]["content"])
            .collect();
        let messages = read["messages"].as_array().expect("messages");
        let contents: Vec<&Value> = messages.iter().map(|message| &message["content"]).collect();
        assert_eq!(contents, expected);
        assert_eq!(read["message_count"], json!(expected.len()));
        let state = match (
            own("diagent.conversation.closed").count(),
            own("diagent.conversation.claimed").count(),
        ) {
            (0, 0) => "open",
            (0, _) => "claimed",
            _ => "closed",
        };
        assert_eq!(read["state"], state);
        let low = own("diagent.message.answered")
            .filter(|event| event["data"]["low_confidence"] == true)
            .count();
        assert_eq!(read["low_confidence_count"], json!(low));
    }
    let gaps = agent.team.read(&agent.path("/gaps?limit=200")).await.data(200);
    let times: i64 = gaps
        .as_array()
        .expect("gaps")
        .iter()
        .map(|gap| gap["times"].as_i64().expect("a number"))
        .sum();
    assert_eq!(
        times,
        i64::try_from(
            of("diagent.message.answered")
                .filter(|event| event["data"]["low_confidence"] == true)
                .count()
        )
        .expect("few")
    );
}

#[tokio::test]
async fn projections_run_apart_and_spread() {
    let stack = Stack::of(&WITHOUT_PROJECTOR).await;
    let agent = stack.agent().await;
    let some = stack
        .launch(Options::of(&[Role::Projector]).with(&["--only", "leads,telemetry"]))
        .await;
    let visitor = agent.visitor().await;
    visitor.ask("Is it apart?").await;
    let position = visitor
        .post("/leads", &json!({ "email": "a@b.example" }))
        .await
        .position();
    agent.team.read_at(&agent.path("/leads"), &position).await.data(200);
    agent
        .team
        .read_once_at(&agent.path("/conversations"), &position)
        .await
        .refusal(503, "projection_behind");

    let rest = stack
        .launch(Options::of(&[Role::Projector]).with(&["--except", "leads,telemetry"]))
        .await;
    let whole = projector(&stack).await;

    agent
        .team
        .read_at(&agent.path("/conversations"), &position)
        .await
        .data(200);
    // When two of three die, the third takes over what they had.
    some.kill();
    rest.kill();
    let position = visitor
        .post("/leads", &json!({ "email": "c@d.example" }))
        .await
        .position();
    until("the one that is left does it all", async || {
        let (leads, conversations) = (
            agent.team.read_at(&agent.path("/leads"), &position).await,
            agent.team.read_at(&agent.path("/conversations"), &position).await,
        );
        if (leads.status, conversations.status) == (200, 200) {
            Ok(())
        } else {
            Err(format!("{leads} {conversations}"))
        }
    })
    .await;
    assert_eq!(
        agent
            .team
            .read(&agent.path("/leads"))
            .await
            .data(200)
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    drop(whole);
}
