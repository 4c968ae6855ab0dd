//! Live events over the Pusher protocol: who may listen, what is heard, and each way in which a socket ends.

use serde_json::{Value, json};

use crate::support::{
    Options, Role, Socket, Stack, Visitor, http, send,
    socket::{Heard, channel_of, data},
    until,
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

#[tokio::test]
async fn a_socket_that_is_not_welcome_is_told_why() {
    let stack = Stack::shared().await;
    let api = stack.command_api();
    for (path, code) in [
        ("/app/nobody?protocol=7", 4001),
        ("/app/diagent?protocol=seven", 4006),
        ("/app/diagent?protocol=4", 4007),
        ("/app/diagent?protocol=8", 4007),
        ("/app/diagent", 4008),
    ] {
        let mut socket = Socket::at(api, path).await;
        let error = socket.frame().await;
        assert_eq!(
            (&error["event"], &error["data"]["code"]),
            (&json!("pusher:error"), &json!(code)),
            "{path}"
        );
        assert_eq!(socket.closed().await, code, "{path}");
    }
    let plain = send(http::client().get(format!("{api}/app/diagent?protocol=7"))).await;
    plain.refusal(426, "upgrade_required");

    let mut large = Socket::open(api).await;
    large.say("pusher:ping", json!("x".repeat(20_000))).await;
    assert_eq!(large.closed().await, 1009);

    let mut loud = Socket::open(api).await;
    for _ in 0..=120 {
        loud.say("pusher:pong", json!({})).await;
    }
    assert_eq!(loud.closed().await, 4301);
}

#[tokio::test]
async fn a_silent_socket_is_asked_and_then_closed() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let quick = ["--reverb-activity-timeout", "1s", "--reverb-sockets-per-address", "2"];
    let instance = stack.launch(Options::of(&[Role::CommandApi]).with(&quick)).await;
    let api = instance.command_api();
    let visitor = agent.visitor_at(api).await;

    let mut idle = Socket::open(api).await;
    let mut member = Socket::open(api).await;
    member.join(&visitor).await;
    let mut third = Socket::at(api, "/app/diagent?protocol=7").await;
    assert_eq!(third.closed().await, 4100, "the address has its share");

    assert_eq!(member.frame().await["event"], "pusher:ping");
    member.say("pusher:pong", json!({})).await;
    assert_eq!(member.frame().await["event"], "pusher:ping", "it lived on");
    assert_eq!(member.closed().await, 4201, "no pong");
    assert_eq!(idle.closed().await, 4009, "it never joined anything");
    until("there is room again", async || {
        match Socket::at(api, "/app/diagent?protocol=7").await.heard().await {
            Heard::Frame(frame) if frame["event"] == "pusher:connection_established" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    // The test's last sockets went without a word.
    until("it is counted who went", async || {
        let figures = send(http::client().get(format!("{api}/metrics"))).await;
        let figures = figures.text();
        assert!(!figures.contains("outcome=\"too_large\""), "{figures}");
        if figures.contains("live_sockets_total{outcome=\"gone\"}") {
            Ok(())
        } else {
            Err(figures.clone())
        }
    })
    .await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = visitor.conversation_id.as_str();
    let (mut slow, mut quick) = (
        Socket::narrow(stack.command_api()).await,
        Socket::open(stack.command_api()).await,
    );
    slow.join(&visitor).await;
    quick.join(&visitor).await;
    agent.team.act(id, "claim", None).await.data(200);
    assert_eq!(quick.event().await.0, "conversation.claimed");

    // 32 kB each: what the network keeps for a reader is soon full.
    let text = "🦊".repeat(8_000);
    let cut_off = "live_sockets_total{outcome=\"slow\"}";
    let is_cut_off = async || {
        let figures = send(http::client().get(format!("{}/metrics", stack.command_api()))).await;
        let figures = figures.text();
        if figures.contains(cut_off) {
            Ok(())
        } else {
            Err(figures)
        }
    };
    for _ in 0..60 {
        let reply = async || {
            agent
                .team
                .act(id, "reply", Some(json!({ "content": text })))
                .await
                .data(201)
        };
        futures::future::join_all((0..8).map(|_| reply())).await;
        for _ in 0..8 {
            assert_eq!(quick.event().await.0, "message.created", "nobody waits for it");
        }
        if is_cut_off().await.is_ok() {
            return;
        }
    }
    // 15 MB later nothing can be written any more; how long that may last is the server's patience.
    until("it is cut off", is_cut_off).await;
}

#[tokio::test]
async fn a_forgotten_visitors_socket_ends_for_good() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let mut early = Socket::open(stack.second().await).await;
    early.join(&visitor).await;
    let mut team = Socket::open(stack.command_api()).await;
    team.join_as(&agent.team, &visitor.conversation_id).await;
    let mut late = Socket::open(stack.command_api()).await;
    let channel = channel_of(&visitor.conversation_id);
    let signed = send(visitor.authorise(&late.id, &channel)).await.expect(200).json();

    visitor.erase().await.data(202);

    assert_eq!(early.closed().await, 4009);
    assert_eq!(team.event().await.0, "conversation.erased");
    late.say(
        "pusher:subscribe",
        json!({ "channel": channel, "auth": signed["auth"] }),
    )
    .await;
    assert_eq!(late.closed().await, 4009, "an old signature opens nothing");
}

#[tokio::test]
async fn sockets_leave_a_stopping_process_one_after_the_other() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let grace = ["--stream-drain-grace", "2s"];
    let leaving = stack.launch(Options::of(&[Role::CommandApi]).with(&grace)).await;
    let visitor = agent.visitor_at(leaving.command_api()).await;
    let mut sockets = Vec::new();
    for _ in 0..16 {
        let mut socket = Socket::open(leaving.command_api()).await;
        socket.join(&visitor).await;
        sockets.push(socket);
    }

    leaving.terminate();

    let started = std::time::Instant::now();
    let ends = sockets
        .iter_mut()
        .map(async |socket| (socket.closed().await, started.elapsed()));
    let ends = futures::future::join_all(ends).await;
    assert!(ends.iter().all(|(code, _)| *code == 4200), "{ends:?}");
    let moments = || ends.iter().map(|(_, moment)| *moment);
    let (first, last) = (moments().min().expect("an end"), moments().max().expect("an end"));
    // That all of 16 fall into the same tenth of the time happens once in 10^15.
    assert!(last > first + std::time::Duration::from_millis(200), "{ends:?}");
    assert!(leaving.drained().await);
}

#[tokio::test]
async fn an_old_connection_has_to_ask_again_whether_it_may_listen() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let brief = ["--reverb-socket-max-age", "3s"];
    let instance = stack.launch(Options::of(&[Role::CommandApi]).with(&brief)).await;
    let visitor = agent.visitor_at(instance.command_api()).await;
    let events = visitor.request(reqwest::Method::GET, "/conversation/events").send();
    let mut events = events.await.expect("a stream");
    let mut socket = Socket::open(instance.command_api()).await;

    assert_eq!(socket.closed().await, 4200);
    while events.chunk().await.expect("an end, not a break").is_some() {}
    Socket::open(instance.command_api()).await;
}

#[tokio::test]
async fn a_socket_outlives_the_log_and_misses_nothing() {
    let stack = Stack::own().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let id = visitor.conversation_id.as_str();
    let mut socket = Socket::open(stack.command_api()).await;
    socket.join(&visitor).await;
    agent.team.act(id, "claim", None).await.data(200);
    assert_eq!(socket.event().await.0, "conversation.claimed");

    stack.nats().await.kill();
    stack.nats().await.restart().await;

    until("the log is written again", async || {
        let replied = agent.team.act(id, "reply", Some(json!({ "content": "Back." }))).await;
        if replied.status == 201 {
            Ok(())
        } else {
            Err(replied.to_string())
        }
    })
    .await;
    let (name, data) = socket.event().await;
    assert_eq!((name.as_str(), &data["content"]), ("message.created", &json!("Back.")));
    agent.team.act(id, "release", None).await.data(200);
    assert_eq!(socket.event().await.0, "conversation.released", "nothing is told twice");
}
