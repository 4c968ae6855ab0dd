//! Whatever a model does, a turn ends: in `done` where nothing of the model was said, since then the agent's pages answer,
//! and else in `error`. The model is asked a second time only while nothing was said.

use std::{fmt::Debug, sync::Arc};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{
    Agent, Stack, Transcript, Visitor,
    model::{Call, Script},
};

/// What ends a call at once.
#[derive(Debug, Clone, Copy)]
enum Fault {
    NoChunk,
    NoText,
    EndlessLine,
    ReportedError,
    End,
    EndInAChunk,
    BrokenConnection,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::NoChunk,
        Self::NoText,
        Self::EndlessLine,
        Self::ReportedError,
        Self::End,
        Self::EndInAChunk,
        Self::BrokenConnection,
    ];

    /// Lets it happen; who was wronged hangs up, where the model does not.
    async fn happen(self, mut call: Call) {
        match self {
            Self::NoChunk => call.write("data: {\"choices\": [\n\n"),
            Self::NoText => call.write("data: {\"choices\": [{\"delta\": {\"content\": 7}}]}\n\n"),
            Self::EndlessLine => call.write(&"data: x".repeat(1 << 18)),
            Self::ReportedError => call.write("data: {\"error\": {\"message\": \"overloaded\", \"code\": 500}}\n\n"),
            Self::End => return call.write(": that was all\n\n"),
            Self::EndInAChunk => return call.write("data: {\"choices\":"),
            Self::BrokenConnection => return call.cut(),
        }
        call.gone().await;
    }
}

/// A visitor who has asked what the model answers wrongly.
struct Scene {
    agent: Agent,
    visitor: Visitor,
    script: Script,
}

impl Scene {
    async fn of(stack: &Arc<Stack>) -> Self {
        let agent = stack.agent().await;
        let visitor = agent.visitor().await;
        let script = stack.model().script();
        Self { agent, visitor, script }
    }

    /// Asks, while the model does what it does.
    async fn ask(&mut self, misbehave: impl AsyncFnOnce(&mut Script)) -> Transcript {
        let question = self.script.question();
        let (transcript, ()) = tokio::join!(self.visitor.ask(&question), misbehave(&mut self.script));
        assert!(!self.script.is_called(), "it is asked no more");
        transcript
    }

    /// Asks, and hears what the model says before it does what it does.
    async fn hear(&mut self, say: impl FnOnce(&mut Call), misbehave: impl AsyncFnOnce(Call)) -> Transcript {
        let mut stream = self.visitor.stream_message(&self.script.question(), "c1").await;
        let mut call = self.script.call().await;
        say(&mut call);
        let heard = stream.next().await.expect("a word");
        assert_eq!(heard.event(), "token");
        let (mut transcript, ()) = tokio::join!(stream.to_end(), misbehave(call));
        assert!(!self.script.is_called(), "what was begun is not begun again");
        transcript.lines.insert(0, heard);
        transcript
    }

    async fn hear_a_word(&mut self, misbehave: impl AsyncFnOnce(Call)) -> Transcript {
        self.hear(|call| call.say("So far "), misbehave).await
    }

    async fn logged_one(&self, kind: &str) -> Value {
        let mut logged = self.agent.logged(kind).await;
        assert_eq!(logged.len(), 1, "{logged:?}");
        logged.remove(0)["data"].take()
    }

    /// The agent's pages have answered in the model's place, and the conversation goes on.
    async fn was_answered_instead(&self, what: impl Debug, transcript: &Transcript) {
        assert_eq!(transcript.done()["finish_reason"], "complete", "{what:?}");
        assert!(!transcript.text().is_empty(), "{what:?}");
        let answered = self.logged_one("diagent.message.answered").await;
        assert_eq!(answered["answerer"], "extractive", "{what:?}");
        self.shows(&transcript.text()).await;
        self.goes_on().await;
    }

    /// The model has answered, and the conversation goes on.
    async fn was_answered(&self, what: impl Debug, transcript: &Transcript, text: &str) {
        assert_eq!(transcript.done()["finish_reason"], "complete", "{what:?}");
        assert_eq!(transcript.text(), text, "{what:?}");
        let answered = self.logged_one("diagent.message.answered").await;
        assert_eq!(answered["answerer"], "it-model", "{what:?}");
        self.shows(text).await;
        self.goes_on().await;
    }

    /// There is no answer, nothing of it is kept, and the conversation goes on.
    async fn has_failed(&self, what: impl Debug, transcript: &Transcript, code: &str) {
        assert_eq!(transcript.error()["code"], code, "{what:?}");
        assert_eq!(
            self.logged_one("diagent.message.failed").await["code"],
            code,
            "{what:?}"
        );
        assert_eq!(self.agent.logged("diagent.message.answered").await, [] as [Value; 0]);
        assert_eq!(self.visitor.history().await.len(), 1, "{what:?}: only the question");
        self.goes_on().await;
    }

    async fn shows(&self, text: &str) {
        let history = self.visitor.history().await;
        assert_eq!(history[1..], [("assistant".to_owned(), text.to_owned())]);
    }

    async fn goes_on(&self) {
        let next = self.visitor.ask("And what else?").await;
        assert_eq!(next.done()["finish_reason"], "complete");
    }
}

#[tokio::test]
async fn a_model_that_fails_twice_before_its_first_word_is_done_without() {
    let stack = Stack::with_model().await;
    for fault in Fault::ALL {
        let mut scene = Scene::of(&stack).await;
        let transcript = scene
            .ask(async |script| {
                fault.happen(script.call().await).await;
                fault.happen(script.call().await).await;
            })
            .await;
        scene.was_answered_instead(fault, &transcript).await;
    }
}

#[tokio::test]
async fn a_model_that_fails_before_its_first_word_is_heard_the_second_time() {
    let stack = Stack::with_model().await;
    let again = async |script: &mut Script| script.call().await.answer(&["After ", "all."]);
    for fault in Fault::ALL {
        let mut scene = Scene::of(&stack).await;
        let transcript = scene
            .ask(async |script| {
                fault.happen(script.call().await).await;
                again(script).await;
            })
            .await;
        scene.was_answered(fault, &transcript, "After all.").await;
    }
    let mut scene = Scene::of(&stack).await;
    let transcript = scene
        .ask(async |script| {
            script.call().await.refuse(StatusCode::INTERNAL_SERVER_ERROR);
            again(script).await;
        })
        .await;
    scene.was_answered("HTTP 500", &transcript, "After all.").await;
}

#[tokio::test]
async fn a_model_that_fails_after_a_word_is_not_asked_again() {
    let stack = Stack::with_model().await;
    for fault in Fault::ALL {
        let mut scene = Scene::of(&stack).await;
        let transcript = scene.hear_a_word(async |call| fault.happen(call).await).await;
        assert_eq!(transcript.events(), ["token", "error"], "{fault:?}");
        scene.has_failed(fault, &transcript, "answer_failed").await;
    }
}

#[tokio::test]
async fn what_follows_a_complete_answer_takes_nothing_from_it() {
    let stack = Stack::with_model().await;
    for fault in Fault::ALL {
        let mut scene = Scene::of(&stack).await;
        let say = |call: &mut Call| call.say_last("That is all.");
        let transcript = scene.hear(say, async |call| fault.happen(call).await).await;
        scene.was_answered(fault, &transcript, "That is all.").await;
    }
}

/// One whose model is given up after two or three seconds of silence, and an answer after ten.
async fn impatient() -> Arc<Stack> {
    static SHARED: OnceCell<Arc<Stack>> = OnceCell::const_new();
    let settings = [
        "--llm-failures-max",
        "1000000",
        "--llm-first-token-seconds",
        "3",
        "--llm-stall-seconds",
        "2",
        "--answer-timeout-seconds",
        "10",
    ];
    let start = async || Stack::own_with_model_and(&settings).await;
    Arc::clone(SHARED.get_or_init(start).await)
}

const NO_WORD: &str = "data: {\"choices\": [{\"delta\": {\"content\": \"\"}}]}\n\n";
const COMMENT: &str = ": still thinking\n\n";

#[tokio::test]
async fn a_model_that_says_nothing_is_done_without() {
    let stack = impatient().await;
    let mut scene = Scene::of(&stack).await;
    let transcript = scene.ask(async |script| script.call().await.gone().await).await;
    scene.was_answered_instead("silence", &transcript).await;

    let mut scene = Scene::of(&stack).await;
    let transcript = scene
        .ask(async |script| {
            script.call().await.refuse(StatusCode::INTERNAL_SERVER_ERROR);
            script.call().await.gone().await;
        })
        .await;
    scene.was_answered_instead("an error, then silence", &transcript).await;

    for (what, text) in [("no words", NO_WORD), ("comments", COMMENT)] {
        let mut scene = Scene::of(&stack).await;
        let transcript = scene.ask(async |script| script.call().await.repeat(text).await).await;
        scene.was_answered_instead(what, &transcript).await;
    }
}

#[tokio::test]
async fn a_model_that_falls_silent_after_a_word_is_given_up() {
    let stack = impatient().await;
    let mut scene = Scene::of(&stack).await;
    let transcript = scene.hear_a_word(async |call| call.gone().await).await;
    scene.has_failed("silence", &transcript, "answer_failed").await;

    for (what, text) in [("no words", NO_WORD), ("comments", COMMENT)] {
        let mut scene = Scene::of(&stack).await;
        let transcript = scene.hear_a_word(async |mut call| call.repeat(text).await).await;
        scene.has_failed(what, &transcript, "answer_failed").await;
    }
}

#[tokio::test]
async fn a_model_that_comes_to_no_end_is_stopped() {
    let mut scene = Scene::of(&impatient().await).await;
    let word = json!({ "choices": [{ "delta": { "content": "and " } }] });
    let transcript = scene
        .hear_a_word(async |mut call| call.repeat(&format!("data: {word}\n\n")).await)
        .await;
    assert!(transcript.tokens().len() > 2, "{transcript:?}");
    scene.has_failed("a drip", &transcript, "answer_timeout").await;
}
