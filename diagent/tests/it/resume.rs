//! `GET /messages/{id}/stream`: a half-read answer goes on from any line, on any instance.

use reqwest::Method;
use serde_json::json;

use crate::support::{Line, Sse, Stack, send};

async fn first(stream: &mut Sse, count: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(stream.next().await.expect("a line"));
    }
    lines
}

#[tokio::test]
async fn a_finished_answer_is_replayed_from_every_line() {
    let stack = Stack::shared().await;
    let agent = stack.taught_agent().await;
    let visitor = agent.busy_visitor().await;
    let whole = visitor.ask("Can I return a lantern?").await;
    let second = visitor.at(stack.second().await);

    for index in 0..whole.lines.len() {
        let after = u32::try_from(index).expect("short");
        let rest = visitor.resume(&whole.message_id, Some(after)).await.to_end().await;
        if index + 1 < whole.lines.len() {
            assert_eq!(rest.lines, whole.lines[index + 1..], "after {after}");
        } else {
            assert_eq!(rest.done(), whole.done(), "the rest, and the end");
        }
    }
    let all = second.resume(&whole.message_id, None).await.to_end().await;
    assert_eq!(
        all.lines, whole.lines,
        "from the beginning, on an instance that never saw it"
    );
    assert_eq!(all.message_id, whole.message_id);
}

#[tokio::test]
async fn the_query_says_the_same_as_the_header() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let whole = visitor.ask("What do you sell?").await;
    let open = async |query: &str, header: Option<&str>| {
        let request = visitor.request(Method::GET, &format!("/messages/{}/stream{query}", whole.message_id));
        let request = header
            .into_iter()
            .fold(request, |request, value| request.header("Last-Event-ID", value));
        Sse::open(request)
            .await
            .unwrap_or_else(|answer| unreachable!("{answer}"))
            .to_end()
            .await
    };
    assert_eq!(open("?after=1", None).await.lines, whole.lines[2..]);
    assert_eq!(
        open("?after=1", Some("3")).await.lines,
        whole.lines[4..],
        "the header is newer"
    );
    assert_eq!(
        open("", Some("")).await.lines,
        whole.lines,
        "a browser that has seen nothing sends an empty one"
    );
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_where_it_was() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let message_id = stream.message_id();
    let mut call = script.call().await;
    for piece in ["One", " two", " three"] {
        call.say(piece);
    }
    let seen = first(&mut stream, 3).await;
    drop(stream);
    call.say(" four");

    let mut resumed = visitor.at(stack.second().await).resume(&message_id, Some(2)).await;

    call.say(" five.");
    assert_eq!(resumed.token().await, " four");
    assert_eq!(resumed.token().await, " five.");
    call.finish();
    let end = resumed.to_end().await;
    assert_eq!(seen.len(), 3);
    assert_eq!(end.ids(), [5, 6]);
    assert_eq!(
        visitor.messages().await[1]["content"],
        "One two three four five.",
        "a closed connection is no stop"
    );
}

#[tokio::test]
async fn several_windows_read_one_answer() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let one = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("Shared ");
    let message_id = one.message_id();
    let (two, three) = (
        visitor.resume(&message_id, None).await,
        visitor.at(stack.second().await).resume(&message_id, None).await,
    );
    call.say("words.");
    call.finish();

    let (one, two, three) = tokio::join!(one.to_end(), two.to_end(), three.to_end());

    assert_eq!(one.text(), "Shared words.");
    assert_eq!(one, two);
    assert_eq!(one, three);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let own = visitor.ask("Mine?").await;
    let other = agent.visitor().await.ask("Theirs?").await;
    let posted = visitor.messages().await[0]["id"].as_str().expect("an id").to_owned();
    for id in [
        "01JA8Q5T3V9Y6ZK4W2M7XN8RBC",
        "nonsense",
        "%00",
        &other.message_id,
        &posted,
    ] {
        visitor
            .get(&format!("/messages/{id}/stream"))
            .await
            .refusal(404, "message_not_found");
    }
    for after in ["-1", "x", "1e3", "4294967296"] {
        let request = visitor.request(Method::GET, &format!("/messages/{}/stream", own.message_id));
        let fields = send(request.header("Last-Event-ID", after)).await.refused_fields();
        assert_eq!(fields, ["after"], "{after}");
    }
}

#[tokio::test]
async fn who_has_seen_more_than_there_is_still_gets_the_end() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let whole = visitor.ask("Anything?").await;
    let rest = visitor.resume(&whole.message_id, Some(9_999)).await.to_end().await;
    // Such a client cannot be told from one that has seen all: it must come to an end, and not hang.
    assert!(
        rest.lines.is_empty() || rest.lines.last().is_some_and(|line| line.event() == "done"),
        "{rest:?}"
    );
}

#[tokio::test]
async fn an_answer_that_was_cleared_ends() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("Half of ");
    stream.token().await;

    visitor.post_nothing("/conversation/clear").await.data(200);

    call.gone().await;
    let end = stream.to_end().await;
    assert_eq!(end.lines.last().map(Line::event), Some("done"), "{end:?}");
    assert_eq!(visitor.messages().await, Vec::<serde_json::Value>::new());
    let again = visitor.ask("A fresh start?").await;
    assert_eq!(again.text(), crate::support::model::UNSCRIPTED.concat());
}

#[tokio::test]
async fn a_failed_answer_says_so_however_often_one_asks() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let message_id = stream.message_id();
    let mut call = script.call().await;
    call.say("I was about to ");
    drop(call);

    let transcript = stream.to_end().await;

    let error = transcript.error().clone();
    let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "event", "message", "retryable"]);
    assert_eq!(error["retryable"], true);
    let again = visitor.resume(&message_id, None).await.to_end().await;
    assert_eq!(again.error()["code"], error["code"]);
    assert_eq!(agent.logged("diagent.message.failed").await.len(), 1);
    let next = visitor.ask("Once more?").await;
    assert_eq!(
        next.done()["finish_reason"],
        json!("complete"),
        "the turn is free again"
    );
}
