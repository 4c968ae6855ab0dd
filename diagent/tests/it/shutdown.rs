//! Draining: open streams finish or say so, new requests go elsewhere, nothing that was acknowledged is lost.

use serde_json::json;

use crate::support::{Options, Role, Stack, http};

#[tokio::test]
async fn an_open_stream_is_finished_by_a_process_that_stops() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let leaving = stack.launch(Options::of(&[Role::CommandApi])).await;
    let visitor = agent.visitor_at(leaving.command_api()).await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("While ");
    stream.token().await;

    leaving.terminate();
    call.say("leaving.");
    call.finish();

    let transcript = stream.to_end().await;
    assert_eq!(transcript.events(), ["token", "citations", "done"]);
    assert!(leaving.drained().await, "then it ends");
    let refused = http::try_send(visitor.request(reqwest::Method::GET, "/conversation")).await;
    assert!(refused.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stream_that_takes_too_long_is_told_to_go_elsewhere() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let leaving = stack
        .launch(Options::of(&[Role::CommandApi]).with(&["--stream-drain-grace", "200ms"]))
        .await;
    let visitor = agent.visitor_at(leaving.command_api()).await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("One");
    stream.token().await;
    let message_id = stream.message_id();

    leaving.terminate();

    let end = stream.to_end().await;
    assert_eq!(end.error()["retryable"], true);
    assert_eq!(
        end.ids(),
        Vec::<u32>::new(),
        "it has no number: a client resumes where it was"
    );
    call.say(" two.");
    call.finish();
    let rest = visitor
        .at(stack.command_api())
        .resume(&message_id, Some(0))
        .await
        .to_end()
        .await;
    assert_eq!(rest.tokens(), [" two."]);
    assert!(leaving.drained().await);
}

#[tokio::test]
async fn a_whole_process_drains() {
    let stack = Stack::own().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Are you leaving?").await;
    let position = visitor
        .post("/leads", &json!({ "email": "a@b.example" }))
        .await
        .position();

    stack.process().terminate();

    assert!(stack.process().drained().await, "every role ends by itself");
    let next = stack.launch(Options::of(&Role::ALL)).await;
    let reader = agent.team.clone().at_reader(next.url(Role::ReadApi));
    let leads = reader.read_at(&agent.path("/leads"), &position).await.data(200);
    assert_eq!(leads.as_array().map(Vec::len), Some(1));
    let elsewhere = visitor.at(next.command_api());
    assert_eq!(elsewhere.messages().await.len(), 2);
    elsewhere.ask("And now?").await;
}
