//! A repeat of a message is the same message; one turn at a time in a conversation.

use futures::future::join_all;
use serde_json::json;

use crate::support::Stack;

#[tokio::test]
async fn a_repeated_message_reattaches_to_its_turn() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;

    let first = visitor.stream_message("Is it you?", "client-1").await.to_end().await;
    let again = visitor.stream_message("Is it you?", "client-1").await.to_end().await;

    assert_eq!(first, again);
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 1);
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 1);
    assert_eq!(visitor.messages().await.len(), 2);
}

#[tokio::test]
async fn a_repeat_in_the_middle_of_an_answer_reads_the_same_answer() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let mut first = visitor.stream_message(&script.question(), "client-1").await;
    let mut call = script.call().await;
    call.say("Half");
    assert_eq!(first.token().await, "Half");
    drop(first);

    let again = visitor
        .at(stack.second().await)
        .stream_message(&script.question(), "client-1")
        .await;

    call.say(" and half.");
    call.finish();
    let transcript = again.to_end().await;
    assert_eq!(transcript.tokens(), ["Half", " and half."]);
    assert!(!script.is_called(), "never a second model run");
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 1);
}

#[tokio::test]
async fn repeats_that_race_are_one_message() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let elsewhere = visitor.at(agent.second().await);

    let streams = (0..8).map(async |number| {
        let here = if number % 2 == 0 { &visitor } else { &elsewhere };
        here.stream_message("All at once?", "client-1").await.to_end().await
    });
    let transcripts = join_all(streams).await;

    for transcript in &transcripts {
        assert_eq!(transcript, &transcripts[0]);
    }
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 1);
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 1);
}

#[tokio::test]
async fn both_endpoints_know_each_others_messages() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let streamed = visitor.stream_message("One of two?", "client-1").await.to_end().await;
    let body = json!({ "message": "One of two?", "client_message_id": "client-1" });
    let data = visitor.post("/messages", &body).await.data(200);
    assert_eq!(data["message_id"], streamed.message_id.as_str());
    assert_eq!(data["content"], streamed.text());
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 1);
}

#[tokio::test]
async fn a_repeat_long_after_finds_its_own_answer() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    let first = visitor.stream_message("The first?", "client-0").await.to_end().await;
    for number in 1..20 {
        visitor
            .stream_message(&format!("Number {number}?"), &format!("client-{number}"))
            .await
            .to_end()
            .await;
    }
    let again = visitor.stream_message("The first?", "client-0").await.to_end().await;
    assert_eq!(again, first);
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 20);
}

#[tokio::test]
async fn one_name_in_two_conversations_is_two_messages() {
    let agent = Stack::shared().await.agent().await;
    let (one, other) = (agent.visitor().await, agent.visitor().await);
    let first = one.stream_message("Me?", "client-1").await.to_end().await;
    let second = other.stream_message("Me?", "client-1").await.to_end().await;
    assert_ne!(first.message_id, second.message_id);
}

#[tokio::test]
async fn without_a_name_every_message_is_a_new_one() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Again?").await;
    visitor.ask("Again?").await;
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 2);
}

#[tokio::test]
async fn a_second_message_waits_for_the_first_answer() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "client-1").await;
    let call = script.call().await;

    let refused = visitor
        .at(stack.second().await)
        .post("/messages/stream", &json!({ "message": "And this?" }))
        .await;

    let error = refused.refusal(409, "turn_in_progress");
    assert_eq!(
        error["message_id"],
        stream.message_id().as_str(),
        "the caller can follow what is being written"
    );
    assert!(refused.retry_after() >= 1);
    visitor
        .post("/messages", &json!({ "message": "And this?" }))
        .await
        .refusal(409, "turn_in_progress");
    call.answer(&["Done."]);
    stream.to_end().await;
    visitor.ask("And this?").await;
    assert_eq!(
        agent.logged("diagent.message.posted").await.len(),
        2,
        "what was refused is not in the log"
    );
}

#[tokio::test]
async fn of_messages_that_race_one_is_taken() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let elsewhere = visitor.at(agent.second().await);
    let mut script = stack.model().script();
    let question = script.question();

    let streams = (0..6).map(async |number| {
        let here = if number % 2 == 0 { &visitor } else { &elsewhere };
        here.try_stream(&question, Some(&format!("client-{number}"))).await
    });
    let (taken, refused): (Vec<_>, Vec<_>) = join_all(streams).await.into_iter().partition(Result::is_ok);

    assert_eq!((taken.len(), refused.len()), (1, 5));
    for refused in refused.into_iter().filter_map(Result::err) {
        refused.refusal(409, "turn_in_progress");
    }
    script.call().await.answer(&["One."]);
    for stream in taken.into_iter().flatten() {
        assert_eq!(stream.to_end().await.text(), "One.");
    }
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 1);
}
