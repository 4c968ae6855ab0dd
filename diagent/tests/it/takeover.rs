//! A person of the site's team takes a conversation over; the responder is silent while they have it.

use serde_json::{Value, json};

use crate::support::{Stack, until};

#[tokio::test]
async fn a_claimed_conversation_is_answered_by_a_person() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor
        .post("/conversation/request-human", &json!({ "reason": "Please." }))
        .await
        .data(202);
    let robin = agent.member("robin", "write");

    let claimed = robin.act(&visitor.conversation_id, "claim", None).await;
    assert_eq!(claimed.data(200)["claimed_by"], "robin");
    claimed.position();
    let view = visitor.get("/conversation").await.data(200);
    assert_eq!(
        (&view["state"], &view["claimed_by"]),
        (&json!("claimed"), &json!("robin"))
    );

    let transcript = visitor.ask("Is anybody there?").await;
    assert_eq!(
        transcript.events(),
        ["done"],
        "no answer comes by itself, and the stream ends at once"
    );
    let sync = visitor
        .post("/messages", &json!({ "message": "Hello?" }))
        .await
        .data(200);
    assert_eq!(sync["content"], "");

    let replied = robin
        .act(
            &visitor.conversation_id,
            "reply",
            Some(json!({ "content": " I am here. " })),
        )
        .await;
    let message_id = replied.data(201)["message_id"].clone();
    let last = visitor.messages().await.pop().expect("a message");
    assert_eq!(
        (&last["id"], &last["role"], &last["author"]),
        (&message_id, &json!("operator"), &json!("robin"))
    );
    assert_eq!(last["content"], "I am here.");
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 0);

    let released = robin.act(&visitor.conversation_id, "release", None).await;
    assert_eq!(released.data(200)["claimed_by"], Value::Null);
    assert!(
        !visitor.ask("And now?").await.text().is_empty(),
        "the agent answers again"
    );
    assert_eq!(visitor.get("/conversation").await.data(200)["human_requested"], false);
}

#[tokio::test]
async fn the_agent_falls_silent_in_the_middle_of_an_answer() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("As a machine I ");
    stream.token().await;

    agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);

    call.gone().await;
    let end = stream.to_end().await;
    assert_eq!(
        end.lines.last().map(|line| line.event().to_owned()).as_deref(),
        Some("done"),
        "{end:?}"
    );
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 0);
    let roles: Vec<String> = visitor.history().await.into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["visitor"]);
}

#[tokio::test]
async fn only_one_person_has_a_conversation() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let (robin, sam) = (agent.member("robin", "write"), agent.member("sam", "write"));
    let id = &visitor.conversation_id;
    let reply = || Some(json!({ "content": "Hello." }));
    sam.act(id, "reply", reply()).await.refusal(409, "not_claimed");
    sam.act(id, "typing", None).await.refusal(409, "not_claimed");
    robin.act(id, "claim", None).await.data(200);
    assert_eq!(
        robin.act(id, "claim", None).await.data(200)["claimed_by"],
        "robin",
        "claiming twice changes nothing"
    );

    let refused = sam.act(id, "claim", None).await.refusal(409, "claimed_by_another");
    assert_eq!(
        (&refused["claimed_by"], &refused["message"]),
        (&json!("robin"), &json!("robin has taken the conversation over."))
    );
    sam.act(id, "typing", None).await.refusal(409, "claimed_by_another");
    sam.act(id, "reply", reply()).await.refusal(409, "claimed_by_another");
    sam.act(id, "release", None).await.refusal(409, "claimed_by_another");

    robin.act(id, "release", None).await.data(200);
    robin.act(id, "release", None).await.data(200);
    sam.act(id, "claim", None).await.data(200);
    sam.act(id, "reply", reply()).await.data(201);
    assert_eq!(agent.logged("diagent.conversation.claimed").await.len(), 2);
    assert_eq!(agent.logged("diagent.conversation.released").await.len(), 1);
}

#[tokio::test]
async fn of_two_people_who_claim_at_once_one_has_it() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let second = stack.second().await;
    let people = ["robin", "sam", "kim", "lou"].map(|name| agent.member(name, "write"));
    let claims = people.iter().enumerate().map(async |(number, person)| {
        let person = if number % 2 == 0 {
            person.clone()
        } else {
            person.clone().at(second)
        };
        person.act(&visitor.conversation_id, "claim", None).await.status
    });
    let mut statuses = futures::future::join_all(claims).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    assert_eq!(agent.logged("diagent.conversation.claimed").await.len(), 1);
}

#[tokio::test]
async fn a_team_closes_a_conversation() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    let closed = agent.team.act(id, "close", None).await.data(200);
    assert_eq!(closed["closed"], true);
    agent.team.act(id, "close", None).await.data(200);
    agent
        .team
        .act(id, "claim", None)
        .await
        .refusal(409, "conversation_closed");
    agent
        .team
        .act(id, "reply", Some(json!({ "content": "Too late." })))
        .await
        .refusal(409, "conversation_closed");
    visitor
        .post("/messages", &json!({ "message": "Hello?" }))
        .await
        .refusal(409, "conversation_closed");
    assert_eq!(visitor.get("/conversation").await.data(200)["state"], "closed");
    assert_eq!(
        agent.logged("diagent.conversation.closed").await[0]["data"]["by"],
        "operator"
    );
    assert_ne!(agent.returning(&visitor.anonymous_id).await.conversation_id, *id);
}

#[tokio::test]
async fn another_workspaces_conversation_does_not_exist() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await, stack.agent().await);
    let visitor = own.visitor().await;
    visitor.ask("Is anybody there?").await;
    let stranger = other.member("eve", "read write admin");
    for (action, body) in [
        ("claim", None),
        ("reply", Some(json!({ "content": "Hello." }))),
        ("release", None),
        ("close", None),
        ("typing", None),
    ] {
        let refused = stranger.act(&visitor.conversation_id, action, body.clone()).await;
        let nobody = stranger.act("01JA8Q5T3V9Y6ZK4W2M7XN8RBC", action, body.clone()).await;
        let (refused, nobody) = (
            refused.refusal(404, "conversation_not_found"),
            nobody.refusal(404, "conversation_not_found"),
        );
        assert_eq!(refused["message"], nobody["message"], "there is no telling them apart");
        stranger
            .act("nonsense", action, body)
            .await
            .refusal(404, "conversation_not_found");
    }
    assert_eq!(visitor.get("/conversation").await.data(200)["state"], "open");
    stack
        .root()
        .act(&visitor.conversation_id, "claim", None)
        .await
        .data(200);
}

#[tokio::test]
async fn taking_over_needs_the_scope() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let reader = agent.member("reader", "read");
    reader
        .act(&visitor.conversation_id, "claim", None)
        .await
        .refusal(403, "forbidden");
    let nobody = reader.clone().with_token("a.b.c");
    nobody
        .act(&visitor.conversation_id, "claim", None)
        .await
        .refusal(401, "unauthorized");
    let as_visitor = reader.with_token(&visitor.token);
    as_visitor
        .act(&visitor.conversation_id, "claim", None)
        .await
        .refusal(401, "unauthorized");
}

#[tokio::test]
async fn replies_that_make_no_sense_are_refused() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    agent.team.act(id, "claim", None).await.data(200);
    for body in [
        json!({}),
        json!({ "content": " " }),
        json!({ "content": "x".repeat(8_001) }),
        json!({ "content": "nul\u{0}" }),
        json!({ "content": "x", "contnet": "typo" }),
    ] {
        agent
            .team
            .act(id, "reply", Some(body))
            .await
            .refusal(422, "validation_failed");
    }
    assert_eq!(agent.logged("diagent.message.replied").await.len(), 0);
}

#[tokio::test]
async fn a_person_is_heard_by_a_visitor_who_polls() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);
    agent
        .team
        .act(&visitor.conversation_id, "reply", Some(json!({ "content": "Hello!" })))
        .await
        .data(201);
    let elsewhere = visitor.at(stack.second().await);
    until("the other instance shows it", async || {
        let seen = elsewhere.messages().await;
        if seen.len() == 3 {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
}
