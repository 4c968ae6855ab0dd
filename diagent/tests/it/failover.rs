//! Any number of responders: one turn is answered once, and a dead one's turn is taken over.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::support::{Options, Process, Role, Stack, model::Model};

/// A stack without a responder, and a model for those that are started.
struct Scene {
    stack: std::sync::Arc<Stack>,
    model: Model,
}

impl Scene {
    async fn start() -> Self {
        let stack = Stack::of(&[Role::CommandApi, Role::Projector, Role::ReadApi]).await;
        let model = Model::start().await;
        Self { stack, model }
    }

    /// Messages that a responder has taken and not acknowledged.
    async fn held(&self) -> usize {
        let log = self.stack.log().await;
        let mut held = 0;
        for p in 0..log.partitions() {
            let stream = log
                .jetstream()
                .get_stream(format!("EVENTS-{p}"))
                .await
                .expect("a partition");
            let info = stream.consumer_info(format!("responder_{p}")).await;
            held += info.expect("the responders' consumer").num_ack_pending;
        }
        held
    }

    async fn responder(&self) -> Process {
        let url = self.model.url();
        self.stack
            .launch(Options::of(&[Role::Responder]).with(&["--llm-base-url", &url, "--llm-model", "it-model"]))
            .await
    }
}

#[tokio::test]
async fn a_dead_responders_turn_is_taken_over() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let visitor = agent.visitor().await;
    let (one, mut script) = (scene.responder().await, scene.model.script());
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("What I began");
    assert_eq!(stream.token().await, "What I began");
    let two = scene.responder().await;

    one.kill();

    let mut second_call = script.call().await;
    second_call.say("I say ");
    second_call.say("anew.");
    second_call.finish();
    let transcript = stream.to_end().await;
    assert_eq!(
        transcript.events(),
        ["restart", "token", "token", "citations", "done"],
        "a client can drop what it showed"
    );
    assert_eq!(transcript.ids(), [1, 2, 3, 4, 5], "indices go on");
    assert_eq!(transcript.text(), "I say anew.");
    assert_eq!(visitor.messages().await[1]["content"], "I say anew.");
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 1);
    // Who comes later reads the whole story, or only its end: both say the same.
    let replayed = visitor.resume(&transcript.message_id, None).await.to_end().await;
    assert_eq!(replayed.text(), "I say anew.");
    drop(two);
}

#[tokio::test]
async fn a_turn_waits_for_a_responder() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let visitor = agent.visitor().await;
    let stream = visitor.stream_message("Is anybody there?", "c1").await;
    let responder = scene.responder().await;
    assert!(!stream.to_end().await.text().is_empty());
    drop(responder);
}

#[tokio::test]
async fn two_responders_answer_every_turn_once() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let (one, two) = (scene.responder().await, scene.responder().await);
    let visitors = join_all((0..30).map(|_| agent.visitor())).await;

    let transcripts = join_all(visitors.iter().map(|visitor| visitor.ask("Who answers?"))).await;

    for transcript in &transcripts {
        assert_eq!(transcript.text(), crate::support::model::UNSCRIPTED.concat());
        assert!(!transcript.events().contains(&"restart"));
    }
    assert_eq!(agent.logged("diagent.message.answered").await.len(), 30);
    drop((one, two));
}

#[tokio::test]
async fn a_responder_that_is_told_to_stop_finishes_its_turns() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let visitor = agent.visitor().await;
    let (one, mut script) = (scene.responder().await, scene.model.script());
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("Before ");
    stream.token().await;

    one.terminate();
    call.say("and after.");
    call.finish();

    let transcript = stream.to_end().await;
    assert_eq!(transcript.events(), ["token", "citations", "done"]);
    assert!(one.drained().await, "it ends");
    assert_eq!(visitor.messages().await[1]["content"], "Before and after.");
    assert_eq!(scene.held().await, 0, "nothing is delivered again to the next");
}

#[tokio::test]
async fn a_killed_command_api_loses_nothing_that_it_acknowledged() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let (responder, mut script) = (scene.responder().await, scene.model.script());
    let doomed = scene.stack.launch(Options::of(&[Role::CommandApi])).await;
    let visitor = agent.visitor_at(doomed.command_api()).await;
    let stream = visitor.stream_message(&script.question(), "c1").await;
    let message_id = stream.message_id();
    let call = script.call().await;

    doomed.kill();
    drop(stream);
    call.answer(&["Still ", "here."]);

    let elsewhere = visitor.at(scene.stack.command_api());
    assert_eq!(
        elsewhere.resume(&message_id, None).await.to_end().await.text(),
        "Still here."
    );
    let again = elsewhere.stream_message(&script.question(), "c1").await.to_end().await;
    assert_eq!(again.message_id, message_id);
    drop(responder);
}

#[tokio::test]
async fn what_was_stopped_before_anybody_began_is_not_answered() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let visitor = agent.visitor().await;
    let mut script = scene.model.script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    visitor
        .post_nothing(&format!("/messages/{}/stop", stream.message_id()))
        .await
        .data(202);

    let responder = scene.responder().await;

    let transcript = stream.to_end().await;
    assert_eq!(transcript.done()["finish_reason"], "stopped");
    assert_eq!(transcript.text(), "");
    // A call may have been begun and dropped, but nothing of it was said.
    if script.is_called() {
        script.call().await.gone().await;
    }
    visitor.ask("And on?").await;
    drop(responder);
}

#[tokio::test]
async fn a_turn_that_nobody_takes_does_not_block_for_ever() {
    let scene = Scene::start().await;
    let agent = scene.stack.agent().await;
    let visitor = agent.visitor().await;
    let first = visitor.stream_message("Is anybody there?", "c1").await;
    let (soon, later) = (
        scene.stack.later(Duration::from_mins(1)).await,
        scene.stack.later(Duration::from_mins(6)).await,
    );
    let again = json!({ "message": "Hello?" });
    visitor
        .at(soon.command_api())
        .post("/messages/stream", &again)
        .await
        .refusal(409, "turn_in_progress");

    let second = visitor
        .at(later.command_api())
        .stream_message("Hello, anybody?", "c2")
        .await;

    let responder = scene.responder().await;
    assert_eq!(second.to_end().await.text(), crate::support::model::UNSCRIPTED.concat());
    // The first was given up: its stream comes to an end too.
    let given_up = first.to_end().await;
    assert!(given_up.lines.last().is_some(), "{given_up:?}");
    assert_eq!(given_up.text(), "");
    let roles: Vec<String> = visitor.history().await.into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["visitor", "visitor", "assistant"]);
    drop(responder);
}
