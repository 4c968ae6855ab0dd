//! `POST /messages/{id}/stop`: the partial answer is kept. A closed connection is never a stop.

use crate::support::{Stack, until};

#[tokio::test]
async fn what_was_said_so_far_is_kept() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let message_id = stream.message_id();
    let mut call = script.call().await;
    call.say("This is");
    call.say(" enough");
    assert_eq!(
        (stream.token().await, stream.token().await),
        ("This is".to_owned(), " enough".to_owned())
    );

    let stopping = visitor.post_nothing(&format!("/messages/{message_id}/stop")).await;

    assert_eq!(stopping.data(202)["message_id"], message_id.as_str());
    call.gone().await;
    let end = stream.to_end().await;
    assert_eq!(end.done()["finish_reason"], "stopped");
    let stored = visitor.messages().await[1].clone();
    assert_eq!(stored["content"], "This is enough");
    assert_eq!(stored["finish_reason"], "stopped");
    assert_eq!(
        agent.logged("diagent.message.answered").await[0]["data"]["finish_reason"],
        "stopped"
    );
    visitor.ask("And on?").await;
}

#[tokio::test]
async fn stopping_twice_or_too_late_changes_nothing() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let path = format!("/messages/{}/stop", stream.message_id());
    let call = script.call().await;
    for _ in 0..3 {
        visitor.post_nothing(&path).await.data(202);
    }
    drop(call);
    let transcript = stream.to_end().await;
    assert_eq!(transcript.done()["finish_reason"], "stopped");

    visitor.post_nothing(&path).await.data(202);

    assert_eq!(agent.logged("diagent.message.stop_requested").await.len(), 1);
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 1);
    let complete = visitor.ask("A whole one?").await;
    visitor
        .post_nothing(&format!("/messages/{}/stop", complete.message_id))
        .await
        .data(202);
    let stored = visitor.messages().await.pop().expect("an answer");
    assert_eq!(stored["finish_reason"], "complete");
}

#[tokio::test]
async fn an_answer_is_stopped_from_any_instance() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let call = script.call().await;

    let elsewhere = visitor.at(stack.second().await);
    elsewhere
        .post_nothing(&format!("/messages/{}/stop", stream.message_id()))
        .await
        .data(202);

    call.gone().await;
    assert_eq!(stream.to_end().await.done()["finish_reason"], "stopped");
}

#[tokio::test]
async fn who_goes_away_stops_nothing() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    drop(stream);

    call.say("Said to ");
    call.say("an empty room.");
    call.finish();

    until("the answer is there", async || match visitor.messages().await.get(1) {
        Some(answer) if answer["content"] == "Said to an empty room." => Ok(()),
        seen => Err(format!("{seen:?}")),
    })
    .await;
    assert_eq!(agent.logged("diagent.message.stop_requested").await.len(), 0);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_stopped() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    for id in ["01JA8Q5T3V9Y6ZK4W2M7XN8RBC", "nonsense"] {
        visitor
            .post_nothing(&format!("/messages/{id}/stop"))
            .await
            .refusal(404, "message_not_found");
    }
}
