//! A person of the site's team takes a conversation over; the responder is silent while they have it.

use serde_json::{Value, json};

use crate::support::{Socket, Stack, jwt, send, socket::channel_of, until};

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

    let patient = agent.visitor().await;
    let mut script = stack.model().script();
    let question = json!({ "message": script.question() });
    let (answer, ()) = tokio::join!(patient.post("/messages", &question), async {
        let mut call = script.call().await;
        call.say("As a machine I ");
        agent.team.act(&patient.conversation_id, "claim", None).await.data(200);
        call.gone().await;
    });
    assert_eq!(
        answer.data(200)["content"],
        "",
        "who waits for the whole of it is told as well"
    );
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 0);
}

#[tokio::test]
async fn a_visitor_knows_people_by_their_names() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    let person = |name| {
        let token = jwt::person("account-4711", name, &agent.workspace_id, "write");
        agent.member("account-4711", "write").with_token(&token)
    };
    let mut socket = Socket::open(stack.command_api()).await;
    socket.join(&visitor).await;

    let robin = person(Some("Robin"));
    robin.act(id, "claim", None).await.data(200);
    robin.act(id, "typing", None).await.expect(204);
    robin
        .act(id, "reply", Some(json!({ "content": "Hello." })))
        .await
        .data(201);
    robin.act(id, "release", None).await.data(200);
    let mut seen = vec![visitor.get("/conversation/messages").await.data(200).to_string()];
    while seen.len() < 5 {
        seen.push(socket.event().await.1.to_string());
    }
    seen.push(visitor.get("/me").await.data(200).to_string());

    assert!(seen.iter().all(|text| !text.contains("account-4711")), "{seen:?}");
    let named = seen.iter().filter(|text| text.contains("\"Robin\"")).count();
    assert!(named >= 4, "claim, typing, reply, and the messages: {seen:?}");
    // Without a name there is only the account.
    let claimed = person(None).act(id, "claim", None).await;
    assert_eq!(claimed.data(200)["claimed_by"], "account-4711");
}

#[tokio::test]
async fn a_reply_that_is_sent_again_is_written_once() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    let (robin, sam) = (agent.member("robin", "write"), agent.member("sam", "write"));
    let reply = || Some(json!({ "content": "Hello.", "client_message_id": "r1" }));
    robin.act(id, "claim", None).await.data(200);

    let first = robin.act(id, "reply", reply()).await.data(201)["message_id"].clone();
    let elsewhere = robin.clone().at(stack.second().await);
    assert_eq!(elsewhere.act(id, "reply", reply()).await.data(201)["message_id"], first);
    robin.act(id, "release", None).await.data(200);
    assert_eq!(
        robin.act(id, "reply", reply()).await.data(201)["message_id"],
        first,
        "it has been said, whoever has the conversation now"
    );
    sam.act(id, "claim", None).await.data(200);
    assert_ne!(sam.act(id, "reply", reply()).await.data(201)["message_id"], first);
    assert_eq!(agent.logged("diagent.message.replied").await.len(), 2);
}

#[tokio::test]
async fn a_forgotten_visitors_conversation_is_not_there_any_more() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    let robin = agent.member("robin", "read write");
    robin.act(id, "claim", None).await.data(200);

    visitor.erase().await.data(202);

    for command_api in [stack.command_api(), stack.second().await] {
        let robin = robin.clone().at(command_api);
        for (action, body) in [
            ("reply", Some(json!({ "content": "Still there?" }))),
            ("typing", None),
            ("release", None),
            ("claim", None),
            ("close", None),
        ] {
            let refused = robin.act(id, action, body).await;
            refused.refusal(404, "conversation_not_found");
        }
        let refused = send(robin.authorise("1.2", &channel_of(id))).await;
        refused.refusal(404, "conversation_not_found");
    }
}

#[tokio::test]
async fn a_team_closes_a_conversation() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = &visitor.conversation_id;
    agent.team.act(id, "claim", None).await.data(200);
    let closed = agent.team.act(id, "close", None).await;
    let position = closed.position();
    let closed = closed.data(200);
    assert_eq!((&closed["closed"], &closed["claimed_by"]), (&json!(true), &Value::Null));
    let path = format!("/api/v1/conversations/{id}");
    for path in [path.clone(), format!("{path}?at={position}")] {
        let view = agent.team.read_at(&path, &position).await.data(200);
        assert_eq!(
            (&view["state"], &view["claimed_by"], &view["claimed_by_id"]),
            (&json!("closed"), &Value::Null, &Value::Null),
            "{path}"
        );
    }
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
    let view = visitor.get("/conversation").await.data(200);
    assert_eq!((&view["state"], &view["claimed_by"]), (&json!("closed"), &Value::Null));
    let refused = visitor.post_nothing("/conversation/request-human").await;
    refused.refusal(409, "conversation_closed");
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
        json!({ "content": "x", "client_message_id": "" }),
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
