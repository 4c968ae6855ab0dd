//! Live events over the Pusher protocol: each way in which a socket ends, and the one fault that it outlives.

use serde_json::json;

use crate::support::{
    Options, Role, Socket, Stack, http, send,
    socket::{Heard, channel_of},
    until,
};

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
