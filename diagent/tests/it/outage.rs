//! The log away: writes answer 503 with Retry-After, and recover by themselves.

use serde_json::json;

use crate::support::{Stack, http, send, until};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one outage, seen from every endpoint")]
async fn without_the_log_writes_are_refused_and_then_recover() {
    let stack = Stack::own().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let early = visitor.ask("Before?").await;
    let before = agent.log().await.len();

    stack.nats().await.kill();

    for (path, body) in [
        ("/messages", json!({ "message": "During?" })),
        ("/messages/stream", json!({ "message": "During?" })),
        ("/events", json!({ "event": "cta.click" })),
        ("/leads", json!({ "email": "a@b.example" })),
        ("/conversation/satisfaction", json!({ "rating": "good" })),
    ] {
        let refused = visitor.post(path, &body).await;
        refused.refusal(503, "log_unavailable");
        assert!(refused.retry_after() >= 1);
        assert_eq!(
            refused.header("access-control-allow-origin"),
            Some(agent.origin.as_str())
        );
    }
    let init = agent.init(&agent.init_body()).await;
    init.refusal(503, "log_unavailable");
    let client = http::client();
    for url in [stack.command_api(), stack.read_api()] {
        send(client.get(format!("{url}/healthz"))).await.expect(200);
        send(client.get(format!("{url}/readyz"))).await.expect(503);
    }
    visitor
        .with_token("a.b.c")
        .get("/me")
        .await
        .refusal(401, "unauthorized");
    // Read models do not need the log.
    agent.team.read(&agent.path("/conversations")).await.data(200);

    stack.nats().await.restart().await;

    stack.process().ready().await;
    visitor.can_write().await;
    let counted = visitor.get("/conversation").await;
    assert_eq!(counted.number("ratelimit-limit"), 30, "limits are counted again");
    let after = visitor.ask("After?").await;
    let again = visitor.resume(&after.message_id, None).await.to_end().await;
    assert_eq!(again.lines, after.lines, "answers can be resumed again");
    // The frames of the first answer were kept in memory: now it comes from the log.
    let from_log = visitor.resume(&early.message_id, None).await.to_end().await;
    assert_eq!(from_log.events(), ["token", "citations", "done"], "as one token");
    assert_eq!((from_log.text(), from_log.done()), (early.text(), early.done()));
    let rest = visitor.resume(&early.message_id, Some(1)).await.to_end().await;
    assert_eq!(
        rest.text(),
        early.text(),
        "what was shown is void, and all of it is said again: {rest:?}"
    );
    assert_eq!(rest.events(), ["restart", "token", "citations", "done"]);
    assert_eq!(rest.ids(), [2, 3, 4, 5], "numbers go on from where the client was");
    agent.visitor().await.ask("And somebody new?").await;
    let posted: Vec<_> = agent
        .logged("diagent.message.posted")
        .await
        .iter()
        .map(|event| event["data"]["content"].clone())
        .collect();
    assert_eq!(
        posted,
        [json!("Before?"), json!("After?"), json!("And somebody new?")],
        "what was refused did not happen"
    );
    assert!(agent.log().await.len() > before, "what was acknowledged is there");
    let position = visitor
        .post("/leads", &json!({ "email": "a@b.example" }))
        .await
        .position();
    agent.team.read_at(&agent.path("/leads"), &position).await.data(200);
}

#[tokio::test]
async fn an_answer_survives_a_restart_of_the_log() {
    let stack = Stack::own_with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("Before");
    assert_eq!(stream.token().await, "Before");

    {
        let mut nats = stack.nats().await;
        nats.kill();
        nats.restart().await;
    }
    call.say(" and after.");
    call.finish();
    let message_id = stream.message_id();
    // Another attempt may be made; it is answered as well.
    let transcript = tokio::select! {
        transcript = stream.to_end() => transcript,
        () = async { loop { script.call_whenever().await.answer(&["Anew."]); } } => unreachable!("it goes on for ever"),
    };
    let stored = until("the answer is stored", async || {
        match visitor.messages().await.get(1).cloned() {
            Some(answer) => Ok(answer),
            None => Err("nothing".to_owned()),
        }
    })
    .await;
    let whole = visitor.resume(&message_id, None).await.to_end().await;
    assert_eq!(stored["content"], whole.text(), "{whole:?} after {transcript:?}");
    assert_eq!(
        transcript.lines.last().map(|line| line.event().to_owned()).as_deref(),
        Some("done")
    );
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 1);
}

#[tokio::test]
async fn a_pause_of_the_log_is_no_loss() {
    let stack = Stack::own().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    stack.nats().await.pause();
    let lead = json!({ "email": "a@b.example" });
    let (answer, ()) = tokio::join!(visitor.post("/leads", &lead), async {
        // Any request that reaches the process shows that it has begun to wait.
        send(http::client().get(format!("{}/healthz", stack.command_api())))
            .await
            .expect(200);
        stack.nats().await.resume();
    });
    if answer.status == 201 {
        answer.position();
    } else {
        answer.refusal(503, "log_unavailable");
    }
    let again = visitor.post("/leads", &lead).await;
    assert!(matches!(again.status, 200 | 201), "{again}");
    let captured = agent.logged("diagent.lead.captured").await.len();
    assert!((1..=2).contains(&captured));
}
