//! `POST /messages`: the whole answer in one JSON payload.

use serde_json::json;

use crate::support::{Options, Role, Stack, until};

#[tokio::test]
async fn the_answer_has_every_field_of_the_contract() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;

    let answer = visitor
        .post("/messages", &json!({ "message": "Can I return a lantern?" }))
        .await;

    let data = answer.data(200);
    assert_eq!(data["conversation_id"], visitor.conversation_id.as_str());
    assert_eq!(answer.header("diagent-message-id"), data["message_id"].as_str());
    assert!(data["content"].as_str().expect("a text").contains("30 days"), "{data}");
    assert_eq!(data["citations"][0]["id"], 1);
    for citation in data["citations"].as_array().expect("citations") {
        assert!(
            citation["url"].as_str().expect("an address").starts_with(&agent.origin),
            "{data}"
        );
    }
    assert!(
        data["citations"].to_string().contains(&agent.page("/refunds")),
        "{data}"
    );
    assert_eq!(data["low_confidence"], false);
    answer.position();
    let stored = visitor.messages().await;
    assert_eq!(stored[1]["content"], data["content"]);
}

#[tokio::test]
async fn it_says_what_the_stream_says() {
    let agent = Stack::shared().await.taught_agent().await;
    let (one, other) = (agent.visitor().await, agent.visitor().await);
    let question = "What does shipping cost?";
    let streamed = one.ask(question).await;
    let data = other.post("/messages", &json!({ "message": question })).await.data(200);
    assert_eq!(data["content"], streamed.text());
    assert_eq!(&data["citations"], streamed.citations().expect("citations"));
    assert_eq!(data["low_confidence"], streamed.done()["low_confidence"]);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_can_be_read_later() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let hasty = stack
        .launch(Options::of(&[Role::CommandApi]).with(&["--sync-answer-timeout", "300ms"]))
        .await;
    let visitor = agent.visitor_at(hasty.command_api()).await;
    let mut script = stack.model().script();

    let answer = visitor
        .post(
            "/messages",
            &json!({ "message": script.question(), "client_message_id": "c1" }),
        )
        .await;

    let error = answer.refusal(504, "answer_pending");
    let message_id = error["message_id"].as_str().expect("the answer is named").to_owned();
    assert_eq!(answer.header("diagent-message-id"), Some(message_id.as_str()));
    assert!(answer.retry_after() >= 1);
    script.call().await.answer(&["Good things ", "take time."]);
    let read = visitor.resume(&message_id, None).await.to_end().await;
    assert_eq!(read.text(), "Good things take time.");
    let again = visitor
        .post(
            "/messages",
            &json!({ "message": script.question(), "client_message_id": "c1" }),
        )
        .await;
    assert_eq!(again.data(200)["content"], "Good things take time.");
    assert!(!script.is_called(), "the model was asked once");
}

#[tokio::test]
async fn an_answer_that_fails_is_no_answer() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let body = json!({ "message": script.question() });
    let (answer, ()) = tokio::join!(visitor.post("/messages", &body), async {
        let mut call = script.call().await;
        call.say("I was about to ");
    });
    let error = answer.refusal(503, "answer_failed");
    assert_eq!(error["message_id"].as_str(), answer.header("diagent-message-id"));
    assert!(answer.retry_after() >= 1);
}

#[tokio::test]
async fn an_answer_that_is_stopped_is_what_there_was() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let body = json!({ "message": script.question() });
    let stop = async {
        let mut call = script.call().await;
        call.say("Only this");
        let named = until("the answer is named", async || {
            let view = visitor.get("/conversation").await.data(200);
            view["active_message"]["message_id"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| view.to_string())
        })
        .await;
        let mut reader = visitor.resume(&named, None).await;
        assert_eq!(reader.token().await, "Only this");
        visitor.post_nothing(&format!("/messages/{named}/stop")).await.data(202);
        // The model goes on: were it to end here, that might reach the responder before the stop does.
        call
    };
    let (answer, _call) = tokio::join!(visitor.post("/messages", &body), stop);
    assert_eq!(answer.data(200)["content"], "Only this");
}
