//! Live events over the Pusher protocol: who may listen, and what is heard.

use serde_json::{Value, json};

use crate::support::{
    Socket, Stack, Visitor, send,
    socket::{channel_of, data},
};

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one conversation from its first message to its end"
)]
async fn what_happens_in_a_conversation_is_heard_at_any_instance() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let (visitor, neighbour) = (agent.visitor().await, agent.visitor().await);
    let id = visitor.conversation_id.as_str();
    let robin = agent.member("robin", "read write");
    // A conversation exists for the team once something happens in it.
    visitor.post_nothing("/conversation/request-human").await.data(202);
    let mut here = Socket::open(stack.command_api()).await;
    here.join(&visitor).await;
    let mut there = Socket::open(stack.second().await).await;
    there.join_as(&robin, id).await;
    let mut beside = Socket::open(stack.second().await).await;
    beside.join(&neighbour).await;

    let transcript = visitor.stream_message("Is anybody there?", "c1").await.to_end().await;
    visitor.post("/conversation/typing", &json!({})).await.expect(204);
    robin.act(id, "claim", None).await.data(200);
    robin.act(id, "typing", None).await.expect(204);
    let reply = robin.act(id, "reply", Some(json!({ "content": "I am." }))).await;
    robin.act(id, "release", None).await.data(200);
    visitor.post_nothing("/conversation/request-human").await.data(202);
    visitor.post_nothing("/conversation/clear").await.data(200);
    robin.act(id, "close", None).await.data(200);

    for socket in [&mut here, &mut there] {
        let (mut heard, mut typing) = (Vec::new(), Vec::new());
        while heard.last().is_none_or(|(name, _)| name != "conversation.closed") {
            let (name, data) = socket.event().await;
            assert_eq!(data["conversation_id"], id);
            // What is never stored has no place among what is.
            if name == "typing" {
                typing.push(data);
            } else {
                assert!(data["position"].is_string(), "{data}");
                heard.push((name, data));
            }
        }
        let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "message.created",
                "message.created",
                "conversation.claimed",
                "message.created",
                "conversation.released",
                "conversation.human_requested",
                "conversation.cleared",
                "conversation.closed",
            ]
        );
        let (question, answer) = (&heard[0].1, &heard[1].1);
        assert_eq!(
            (&question["role"], &question["content"], &question["client_message_id"]),
            (&json!("visitor"), &json!("Is anybody there?"), &json!("c1"))
        );
        assert_eq!(
            question["answer_id"],
            transcript.message_id.as_str(),
            "another tab can follow it"
        );
        assert_eq!(
            (&answer["role"], &answer["id"], &answer["content"]),
            (
                &json!("assistant"),
                &json!(transcript.message_id),
                &json!(transcript.text())
            )
        );
        assert_eq!(heard[2].1["claimed_by"], "robin");
        assert_eq!(
            (&heard[3].1["id"], &heard[3].1["author"], &heard[3].1["content"]),
            (&reply.data(201)["message_id"], &json!("robin"), &json!("I am."))
        );
        assert_eq!(heard[7].1["by"], "operator");
        let typists: Vec<_> = typing.iter().map(|data| (&data["role"], &data["author"])).collect();
        assert_eq!(
            typists,
            [(&json!("visitor"), &Value::Null), (&json!("operator"), &json!("robin"))]
        );
    }
    neighbour.post("/conversation/typing", &json!({})).await.expect(204);
    let (name, data) = beside.event().await;
    assert_eq!(
        (name.as_str(), &data["conversation_id"]),
        ("typing", &json!(neighbour.conversation_id)),
        "nothing of others was heard before"
    );
}

#[tokio::test]
async fn the_same_is_told_where_sockets_are_blocked() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let events = visitor
        .request(reqwest::Method::GET, "/conversation/events")
        .send()
        .await;
    let mut events = events.expect("a stream");
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.expect("a chunk").expect("a byte at once");
    assert!(first.starts_with(b":"), "{first:?}");

    agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);

    let chunk = events.chunk().await.expect("a chunk").expect("an event");
    let text = std::str::from_utf8(&chunk).expect("UTF-8");
    let json = text.strip_prefix("event: conversation.claimed\ndata: ").expect(text);
    let data: Value = serde_json::from_str(json.trim_end()).expect("JSON");
    assert_eq!(data["claimed_by"], "robin");

    visitor.erase().await.data(202);
    assert!(events.chunk().await.expect("an end").is_none());
    let refused = visitor.get("/conversation/events").await;
    refused.refusal(401, "unauthorized");
}

#[tokio::test]
async fn only_ones_own_conversation_is_signed() {
    let stack = Stack::shared().await;
    let (agent, elsewhere) = (stack.agent().await, stack.agent().await);
    let (visitor, neighbour) = (agent.visitor().await, agent.visitor().await);
    let own = channel_of(&visitor.conversation_id);
    let ask = async |who: &Visitor, socket_id: &str, channel: &str| send(who.authorise(socket_id, channel)).await;

    let signed = ask(&visitor, "1.2", &own).await.expect(200);
    assert_eq!(
        signed.header("access-control-allow-origin"),
        Some(agent.origin.as_str())
    );
    let auth = signed.json();
    assert!(
        auth["auth"].as_str().expect("a signature").starts_with("diagent:"),
        "{auth}"
    );
    assert_eq!(
        auth.as_object().map(serde_json::Map::len),
        Some(1),
        "no envelope: {auth}"
    );

    for channel in [
        channel_of(&neighbour.conversation_id),
        channel_of("nonsense"),
        own.to_lowercase(),
        "presence-everybody".to_owned(),
    ] {
        ask(&visitor, "1.2", &channel).await.refusal(403, "forbidden");
    }
    for socket_id in ["", "1", "1.2:private-conversation.x"] {
        let refused = ask(&visitor, socket_id, &own).await;
        assert_eq!(refused.refused_fields(), ["socket_id"]);
    }
    let stranger = visitor.with_token("a.b.c");
    ask(&stranger, "1.2", &own).await.refusal(401, "unauthorized");
    let mut astray = visitor.clone();
    "https://elsewhere.example".clone_into(&mut astray.origin);
    ask(&astray, "1.2", &own).await.refusal(403, "origin_forbidden");

    visitor.ask("Is anybody there?").await;
    let person = agent.member("robin", "read");
    let known = send(person.authorise("1.2", &own)).await.expect(200).json();
    assert!(known["channel_data"].as_str().expect("who").contains("robin"));
    let writer = agent.member("robin", "write");
    send(writer.authorise("1.2", &own)).await.refusal(403, "forbidden");
    for other in [elsewhere.member("eve", "read"), elsewhere.team.clone()] {
        let refused = send(other.authorise("1.2", &own)).await;
        refused.refusal(404, "conversation_not_found");
    }
}

#[tokio::test]
async fn a_signature_is_for_one_socket_and_one_channel() {
    let agent = Stack::shared().await.agent().await;
    let (visitor, neighbour) = (agent.visitor().await, agent.visitor().await);
    let own = channel_of(&visitor.conversation_id);
    let mut socket = Socket::open(visitor.command_api()).await;
    let signed = send(visitor.authorise(&socket.id, &own)).await.expect(200).json();
    let for_another = send(visitor.authorise("1.2", &own)).await.expect(200).json();
    let mut as_team = signed.clone();
    as_team["channel_data"] = json!("{}");

    for (channel, signed) in [
        (&own, &json!({})),
        (&own, &json!({ "auth": "diagent:00" })),
        (&own, &for_another),
        (&own, &as_team),
        (&channel_of(&neighbour.conversation_id), &signed),
        (&"an-open-channel".to_owned(), &signed),
    ] {
        let refused = socket.subscribe(channel, signed).await;
        assert_eq!(refused["event"], "pusher:subscription_error", "{channel}: {refused}");
        assert_eq!(refused["channel"], channel.as_str());
        assert_eq!(data(&refused)["status"], 401);
    }
    let joined = socket.subscribe(&own, &signed).await;
    assert_eq!(joined["event"], "pusher_internal:subscription_succeeded");
    let again = socket.subscribe(&own, &signed).await;
    assert_eq!(again["event"], "pusher_internal:subscription_succeeded");
    visitor.post("/conversation/typing", &json!({})).await.expect(204);
    assert_eq!(socket.event().await.0, "typing");

    socket.say("pusher:unsubscribe", json!({ "channel": own })).await;
    socket.say("pusher:ping", json!({})).await;
    assert_eq!(
        socket.frame().await["event"],
        "pusher:pong",
        "what was heard twice would come first"
    );
    visitor.post("/conversation/typing", &json!({})).await.expect(204);
    socket.say("client-typing", json!({})).await;
    let refused = socket.frame().await;
    assert_eq!(
        (&refused["event"], &refused["data"]["code"]),
        (&json!("pusher:error"), &json!(4301))
    );
    socket.say_raw("nonsense".to_owned()).await;
    assert_eq!(socket.frame().await["data"]["code"], 4200, "and it stays open");
    socket.say("pusher:ping", json!({})).await;
    assert_eq!(socket.frame().await["event"], "pusher:pong");
}
