//! `POST /messages/stream`. Contract: token events, `citations` once after them, `done` closes the stream.

use futures::future::join_all;
use serde_json::json;

use crate::support::{Sse, Stack, Transcript};

/// What holds for every stream that was read from its beginning.
fn is_well_formed(transcript: &Transcript) {
    let ids: Vec<u32> = (0..).take(transcript.lines.len()).collect();
    assert_eq!(
        transcript.ids(),
        ids,
        "every line has its number, from 0 and without gaps"
    );
    let events = transcript.events();
    let tokens = events.iter().take_while(|event| **event == "token").count();
    assert!(tokens > 0, "{events:?}");
    assert_eq!(
        events[tokens..],
        ["citations", "done"],
        "citations once, after the tokens, and then the end"
    );
}

#[tokio::test]
async fn the_lines_are_exactly_the_contracts() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;

    let transcript = visitor.ask("What is your refund policy for a lantern?").await;

    is_well_formed(&transcript);
    for line in &transcript.lines {
        match line.event() {
            "token" => {
                let token = line.json["token"].as_str().expect("a text");
                assert_eq!(
                    line.raw,
                    format!(r#"{{"event":"token","token":{}}}"#, json!(token)),
                    "nothing else is on the line"
                );
                assert!(!token.is_empty());
            }
            "citations" => assert!(
                line.raw
                    .starts_with(r#"{"event":"citations","citations":[{"id":1,"url":""#),
                "{}",
                line.raw
            ),
            _ => {
                let begin = format!(r#"{{"event":"done","conversation_id":"{}""#, visitor.conversation_id);
                assert!(line.raw.starts_with(&begin), "{}", line.raw);
            }
        }
    }
    assert_eq!(transcript.done()["message_id"], transcript.message_id.as_str());
    assert!(transcript.done()["low_confidence"].is_boolean());
}

#[tokio::test]
async fn the_headers_keep_proxies_from_holding_tokens_back() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let mut stream = visitor.stream_message("Hello?", "c1").await;
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    assert_eq!(stream.header("x-accel-buffering"), "no");
    let caching = stream.header("cache-control").to_owned();
    assert!(
        caching.contains("no-cache") && caching.contains("no-transform"),
        "{caching}"
    );
    assert!(
        stream.headers.get("content-encoding").is_none(),
        "a compressor would hold tokens back"
    );
    assert_eq!(stream.message_id().len(), 26);
    assert!(stream.header("diagent-position").contains(':'));
    stream.next().await.expect("a line");
    assert!(stream.comments() > 0, "the first byte comes at once, as a comment");
}

#[tokio::test]
async fn a_client_that_takes_compressed_answers_is_not_kept_waiting() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let request = visitor.request(reqwest::Method::POST, "/messages/stream");
    let request = request.header("Accept-Encoding", "gzip, br, zstd");
    let stream = Sse::open(request.json(&json!({ "message": script.question() }))).await;
    let mut stream = stream.unwrap_or_else(|answer| unreachable!("{answer}"));
    assert!(stream.headers.get("content-encoding").is_none());
    let mut call = script.call().await;
    call.say("At once.");
    assert_eq!(stream.token().await, "At once.");
    call.finish();
}

#[tokio::test]
async fn a_silent_stream_is_kept_open_by_comments() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let call = script.call().await;
    // The model thinks; proxies close what is silent for a minute.
    stream.comment().await;
    stream.comment().await;
    call.answer(&["I had to think."]);
    assert_eq!(stream.to_end().await.text(), "I had to think.");
}

#[tokio::test]
async fn what_was_streamed_is_what_is_stored() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;

    let transcript = visitor.ask("What does shipping cost?").await;

    let messages = visitor.messages().await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["content"], "What does shipping cost?");
    assert_eq!(messages[0]["role"], "visitor");
    assert_eq!(messages[1]["id"], transcript.message_id.as_str());
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(messages[1]["content"], transcript.text());
    assert_eq!(&messages[1]["citations"], transcript.citations().expect("citations"));
    let answered = agent.logged("diagent.message.answered").await;
    assert_eq!(answered.len(), 1);
    assert_eq!(answered[0]["data"]["content"], transcript.text());
    assert_eq!(answered[0]["data"]["message_id"], transcript.message_id.as_str());
}

#[tokio::test]
async fn the_message_is_in_the_log_before_the_stream_begins() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();

    let stream = visitor.stream_message(&script.question(), "c1").await;

    let posted = agent.logged("diagent.message.posted").await;
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0]["data"]["content"], script.question());
    assert_eq!(posted[0]["data"]["answer_id"], stream.message_id().as_str());
    assert_eq!(posted[0]["position"], stream.header("diagent-position"));
    script.call().await.answer(&["So be it."]);
    stream.to_end().await;
}

#[tokio::test]
async fn each_token_is_sent_when_it_is_said() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;

    for piece in ["One", " at", " a", " time."] {
        // The next is not said before this one has arrived.
        call.say(piece);
        assert_eq!(stream.token().await, piece);
    }

    call.finish();
    assert_eq!(stream.to_end().await.events(), ["citations", "done"]);
}

#[tokio::test]
async fn tokens_may_hold_anything() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let pieces = [
        "a\n\nb",
        "\r\n",
        "data: x",
        ": no comment",
        "\u{1F3EE}",
        "\u{2028}",
        "e\u{301}",
        "\\\"",
        "\t",
        "1 < 2",
        " ",
    ];

    script.call().await.answer(&pieces);

    let transcript = stream.to_end().await;
    is_well_formed(&transcript);
    assert_eq!(transcript.tokens(), pieces);
    assert_eq!(visitor.messages().await[1]["content"], pieces.concat());
}

#[tokio::test]
async fn the_answer_is_in_the_log_before_done_is_sent() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    for number in 0..5 {
        agent.visitor().await.ask("Is it true?").await;
        // No waiting here: who has read `done` finds the answer.
        assert_eq!(agent.logged("diagent.message.answered").await.len(), number + 1);
    }
}

#[tokio::test]
async fn many_visitors_are_answered_at_once() {
    let stack = Stack::shared().await;
    let agent = stack.taught_agent().await;
    let visitors = join_all((0..24).map(|_| agent.visitor())).await;

    let transcripts = join_all(visitors.iter().map(|visitor| visitor.ask("Can I return a lantern?"))).await;

    for (visitor, transcript) in visitors.iter().zip(&transcripts) {
        is_well_formed(transcript);
        assert_eq!(transcript.text(), transcripts[0].text());
        assert_eq!(transcript.done()["conversation_id"], visitor.conversation_id.as_str());
    }
}

#[tokio::test]
async fn one_conversation_goes_on_over_many_turns() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    for number in 0..3 {
        let mut script = stack.model().script();
        let stream = visitor.stream_message(&script.question(), &format!("c{number}")).await;
        let mut call = script.call().await;
        let told = call.request["messages"].as_array().expect("messages").len();
        assert_eq!(told, 2 + 2 * number, "the model is told what was said before");
        call.say(&format!("Answer {number}."));
        call.finish();
        assert_eq!(stream.to_end().await.text(), format!("Answer {number}."));
    }
    assert_eq!(visitor.messages().await.len(), 6);
}

#[tokio::test]
async fn what_the_page_says_is_stored_and_told_to_the_model() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let body = json!({
        "message": script.question(),
        "page_url": agent.page("/lanterns/7"),
        "page_context": { "product": "Storm lantern", "price": 41.5 },
    });

    let stream = visitor
        .stream_body(&body)
        .await
        .unwrap_or_else(|answer| unreachable!("{answer}"));

    let call = script.call().await;
    assert!(
        call.request["messages"][0]["content"]
            .as_str()
            .expect("a text")
            .contains("Storm lantern")
    );
    call.answer(&["Nice."]);
    stream.to_end().await;
    let posted = agent.logged("diagent.message.posted").await;
    assert_eq!(posted[0]["data"]["page_context"], body["page_context"]);
    assert_eq!(posted[0]["data"]["page_url"], body["page_url"]);
}

#[tokio::test]
async fn messages_that_make_no_sense_are_refused() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    let table = [
        (json!({}), "message"),
        (json!({ "message": "" }), "message"),
        (json!({ "message": "  \n\t " }), "message"),
        (json!({ "message": null }), "message"),
        (json!({ "message": ["x"] }), "message"),
        (json!({ "message": "x".repeat(8_001) }), "message"),
        (json!({ "message": "nul \u{0}" }), "message"),
        (json!({ "message": "x", "page_url": "x".repeat(2_049) }), "page_url"),
        (
            json!({ "message": "x", "page_context": { "big": "x".repeat(17_000) } }),
            "page_context",
        ),
        (json!({ "message": "x", "page_context": "text" }), "page_context"),
        (json!({ "message": "x", "client_message_id": "" }), "client_message_id"),
        (
            json!({ "message": "x", "client_message_id": "x".repeat(129) }),
            "client_message_id",
        ),
    ];
    for path in ["/messages/stream", "/messages"] {
        for (body, field) in &table {
            let fields = visitor.post(path, body).await.refused_fields();
            assert!(
                fields.iter().any(|name| name == field || name == "body"),
                "{body}: {fields:?}"
            );
        }
        visitor
            .post(path, &json!({ "message": "x".repeat(70_000) }))
            .await
            .refusal(413, "payload_too_large");
    }
    assert_eq!(agent.logged("diagent.message.posted").await.len(), 0);
    let longest = visitor.ask(&"ü".repeat(8_000)).await;
    is_well_formed(&longest);
}
