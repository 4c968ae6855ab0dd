//! Whatever is lost between a responder and a client, the client gets the whole answer once.

use command_api::relay::{Line, Turn};
use embedded::testing::{self, TestNats};
use events::{
    AgentId, ConversationId, Log, MessageId, Subject, VisitorId,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation, FinishReason},
    log::FrameWriter,
    tokens::FrameBody,
};

use crate::support::log;

const ANSWER: &str = "Our refund policy is 30 days.";

#[tokio::test]
async fn frames_come_as_they_are_written() {
    let scene = Scene::start().await;
    let turn = scene.follow(None).await;
    scene.write_all().await;
    assert_eq!(
        read(turn).await,
        ["0 Our refund ", "1 policy is ", "2 30 days.", "3 citations", "4 done"]
    );
}

#[tokio::test]
async fn what_was_missed_is_fetched_when_the_next_frame_shows_a_gap() {
    let scene = Scene::start().await;
    let mut writer = scene.writer(1).await;
    writer.send(token("Our refund ")).await.expect("a frame");
    // Round trips, so that the server has stored the frame before anybody listens.
    scene.log.ping().await.expect("a server");
    let turn = scene.follow(None).await;
    writer.send(token("policy is 30 days.")).await.expect("a frame");
    scene.answer().await;
    writer.send(scene.done()).await.expect("a frame");
    assert_eq!(read(turn).await, ["0 Our refund ", "1 policy is 30 days.", "2 done"]);
}

#[tokio::test]
async fn a_finished_answer_is_replayed_from_any_line() {
    let scene = Scene::start().await;
    scene.write_all().await;
    let mut whole = scene.follow(None).await;
    whole.catch_up().await;
    assert_eq!(read(whole).await.len(), 5);
    let mut rest = scene.follow(Some(2)).await;
    rest.catch_up().await;
    assert_eq!(read(rest).await, ["3 citations", "4 done"]);
}

#[tokio::test]
async fn a_long_answer_is_read_on_while_it_is_told_from_any_line() {
    const TOKENS: u32 = 700;
    let scene = Scene::start().await;
    let mut writer = scene.writer(1).await;
    for number in 0..TOKENS {
        writer.send(token(&number.to_string())).await.expect("a frame");
    }
    for seen in [None, Some(3), Some(500), Some(TOKENS - 1)] {
        let mut turn = scene.follow(seen).await;
        turn.catch_up().await;
        let first = seen.map_or(0, |seen| seen + 1);
        for number in first..TOKENS {
            let line = turn.next().await.expect("a line");
            assert_eq!(told(&line), format!("{number} {number}"));
        }
    }
    // What is said meanwhile comes behind what was said before, and a message of the bus is not taken out of its turn.
    let mut late = scene.follow(None).await;
    late.catch_up().await;
    writer.send(token("the last")).await.expect("a frame");
    scene.answer().await;
    writer.send(scene.done()).await.expect("a frame");
    let lines = read(late).await;
    assert_eq!(lines.len(), TOKENS as usize + 2);
    assert_eq!(lines[TOKENS as usize..], ["700 the last", "701 done"]);
}

#[tokio::test]
async fn an_answer_without_frames_comes_from_the_log_as_one_token() {
    let scene = Scene::start().await;
    scene.answer().await;
    let mut turn = scene.follow(None).await;
    turn.catch_up().await;
    assert_eq!(
        read(turn).await,
        ["0 Our refund policy is 30 days.", "1 citations", "2 done"]
    );
}

#[tokio::test]
async fn who_saw_frames_that_have_expired_starts_anew() {
    let scene = Scene::start().await;
    scene.answer().await;
    let mut turn = scene.follow(Some(6)).await;
    turn.catch_up().await;
    assert_eq!(
        read(turn).await,
        ["7 restart", "8 Our refund policy is 30 days.", "9 citations", "10 done"]
    );
}

#[tokio::test]
async fn a_lost_last_frame_does_not_hang_the_stream() {
    let scene = Scene::start().await;
    let turn = scene.follow(None).await;
    let mut writer = scene.writer(1).await;
    writer.send(token("Our refund policy ")).await.expect("a frame");
    scene.answer().await;
    assert_eq!(
        read(turn).await,
        ["0 Our refund policy ", "1 is 30 days.", "2 citations", "3 done"]
    );
}

#[tokio::test]
async fn another_attempt_is_announced_and_told_to_its_end() {
    let scene = Scene::start().await;
    let turn = scene.follow(None).await;
    scene.writer(1).await.send(token("Our ref")).await.expect("a frame");
    scene.log.ping().await.expect("a server");
    let mut second = scene.writer(2).await;
    second.send(token(ANSWER)).await.expect("a frame");
    scene.answer().await;
    second.send(scene.done()).await.expect("a frame");
    assert_eq!(
        read(turn).await,
        ["0 Our ref", "1 restart", "2 Our refund policy is 30 days.", "3 done"]
    );
}

#[tokio::test]
async fn a_failure_that_only_the_log_knows_is_an_error() {
    let scene = Scene::start().await;
    let turn = scene.follow(None).await;
    let code = "model_unavailable".to_owned();
    let reason = "connection refused".to_owned();
    scene
        .act(Action::FailAnswer {
            message_id: scene.answer_id,
            code,
            reason,
        })
        .await;
    assert_eq!(read(turn).await, ["0 error model_unavailable"]);
}

#[tokio::test]
async fn a_conversation_that_was_cleared_ends_the_stream() {
    let scene = Scene::start().await;
    let turn = scene.follow(None).await;
    scene.act(Action::Clear).await;
    assert_eq!(read(turn).await, ["0 done"]);
}

/// One conversation with one open turn.
struct Scene {
    _nats: TestNats,
    log: Log,
    subject: Subject,
    conversation_id: ConversationId,
    answer_id: MessageId,
}

impl Scene {
    async fn start() -> Self {
        let nats = testing::nats().await;
        let log = log(&nats).await;
        let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());
        let (agent_id, visitor_id) = (AgentId::from_bits(7), VisitorId::generate());
        let subject = Subject::Conversation {
            agent_id,
            visitor_id,
            conversation_id,
        };
        let scene = Self {
            _nats: nats,
            log,
            subject,
            conversation_id,
            answer_id,
        };
        let post = Action::PostMessage {
            message_id: MessageId::generate(),
            answer_id,
            client_message_id: None,
            content: "What's your refund policy?".into(),
            page_url: None,
            page_context: None,
        };
        scene.act(post).await;
        scene
    }

    async fn act(&self, action: Action) {
        let command = Command {
            at: self.log.clock().now(),
            action,
        };
        let done = self
            .log
            .execute::<Conversation>(&self.subject, command, &Meta::default())
            .await;
        done.expect("the action is accepted");
    }

    async fn follow(&self, seen: Option<u32>) -> Turn {
        let ids = (self.conversation_id, self.answer_id);
        Turn::follow(&self.log, self.subject, ids, seen)
            .await
            .expect("a subscription")
    }

    async fn writer(&self, attempt: u32) -> FrameWriter {
        FrameWriter::begin(
            &self.log,
            (self.conversation_id, self.answer_id),
            attempt,
            self.log.clock().now(),
        )
        .await
        .expect("a writer")
    }

    async fn write_all(&self) {
        let mut writer = self.writer(1).await;
        for text in ["Our refund ", "policy is ", "30 days."] {
            writer.send(token(text)).await.expect("a frame");
        }
        writer
            .send(FrameBody::Citations { citations: vec![] })
            .await
            .expect("a frame");
        self.answer().await;
        writer.send(self.done()).await.expect("a frame");
    }

    async fn answer(&self) {
        self.act(Action::CompleteAnswer {
            message_id: self.answer_id,
            content: ANSWER.into(),
            citations: vec![],
            low_confidence: false,
            finish_reason: FinishReason::Complete,
            answerer: "test".to_owned(),
            usage: None,
            first_token_ms: None,
        })
        .await;
    }

    fn done(&self) -> FrameBody {
        FrameBody::Done {
            conversation_id: self.conversation_id,
            message_id: self.answer_id,
            finish_reason: Some(FinishReason::Complete),
            low_confidence: false,
        }
    }
}

fn token(text: &str) -> FrameBody {
    FrameBody::Token { token: text.to_owned() }
}

/// The lines up to the last, each as its index and what it says.
async fn read(mut turn: Turn) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = turn.next().await {
        lines.push(told(&line));
    }
    lines
}

fn told(line: &Line) -> String {
    let index = line.index.map_or_else(|| "-".to_owned(), |index| index.to_string());
    let said = match serde_json::from_slice(&line.payload).expect("a frame") {
        FrameBody::Token { token } => token,
        FrameBody::Restart { .. } => "restart".to_owned(),
        FrameBody::Citations { .. } => "citations".to_owned(),
        FrameBody::Done { .. } => "done".to_owned(),
        FrameBody::Error { code, .. } => format!("error {code}"),
    };
    format!("{index} {said}")
}
