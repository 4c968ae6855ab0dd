//! Clients that go away, in every phase of `POST /messages/stream`: a question has one answer whoever waits for it, and nothing is
//! left of who has gone. Who stays and does not read is in `tests/process/slow_readers.rs`.

use futures::future::join_all;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{
    Agent, Options, Role, Stack, Visitor,
    model::{Call, Script, UNSCRIPTED},
};

/// When a client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    HalfAHead,
    HalfABody,
    /// The request is whole, and no answer is waited for.
    Request,
    Head,
    Token,
    Citations,
}

const PHASES: [Phase; 6] = [
    Phase::HalfAHead,
    Phase::HalfABody,
    Phase::Request,
    Phase::Head,
    Phase::Token,
    Phase::Citations,
];

/// A visitor whose first browser has gone.
struct Left {
    phase: Phase,
    agent: Agent,
    visitor: Visitor,
    script: Script,
    /// The model's answer, which is half said.
    call: Option<Call>,
}

impl Left {
    /// Asks at `command_api`, and goes away.
    async fn at(command_api: &str, agent: Agent, script: Script, phase: Phase) -> Self {
        let visitor = agent.visitor_at(command_api).await;
        let mut left = Self {
            phase,
            agent,
            visitor,
            script,
            call: None,
        };
        match phase {
            Phase::HalfAHead | Phase::HalfABody | Phase::Request => left.sends_so_much().await,
            Phase::Head | Phase::Token | Phase::Citations => left.reads_so_much().await,
        }
        left
    }

    async fn sends_so_much(&self) {
        let body = json!({ "message": self.script.question(), "client_message_id": "c1" }).to_string();
        let head = head(&self.visitor, "POST", "/messages/stream", body.len());
        let request = head.clone() + &body;
        let sent = match self.phase {
            Phase::HalfAHead => head.len() / 2,
            Phase::HalfABody => head.len() + body.len() / 2,
            _ => request.len(),
        };
        let mut connection = connect(&self.visitor).await;
        connection
            .write_all(&request.as_bytes()[..sent])
            .await
            .expect("bytes are sent");
    }

    async fn reads_so_much(&mut self) {
        let mut stream = self.visitor.stream_message(&self.script.question(), "c1").await;
        if self.phase == Phase::Head {
            return;
        }
        let mut call = self.script.call().await;
        call.say("One");
        assert_eq!(stream.token().await, "One");
        if self.phase == Phase::Token {
            self.call = Some(call);
            return;
        }
        call.say(" two.");
        call.finish();
        assert_eq!(stream.token().await, " two.");
        let line = stream.next().await.expect("a line");
        assert_eq!(line.event(), "citations");
    }

    /// The same browser, or another, asks the same again, as the widget does that has not heard.
    async fn comes_back(mut self, command_api: &str) {
        let phase = self.phase;
        let visitor = self.visitor.at(command_api);
        let stream = visitor.stream_message(&self.script.question(), "c1").await;
        match (phase, self.call.take()) {
            (Phase::Citations, _) => {}
            (_, Some(mut call)) => {
                call.say(" two.");
                call.finish();
            }
            (_, None) => self.script.call().await.answer(&["One", " two."]),
        }
        let transcript = stream.to_end().await;
        assert_eq!(
            transcript.events(),
            ["token", "token", "citations", "done"],
            "{phase:?}"
        );
        assert_eq!(transcript.text(), "One two.", "{phase:?}");
        assert!(!self.script.is_called(), "{phase:?}: the model was asked once");
        for (kind, count) in [
            ("diagent.message.posted", 1),
            ("diagent.message.answered", 1),
            ("diagent.message.failed", 0),
        ] {
            assert_eq!(self.agent.logged(kind).await.len(), count, "{phase:?}: {kind}");
        }
        assert_eq!(visitor.ask("And on?").await.text(), UNSCRIPTED.concat(), "{phase:?}");
    }
}

#[tokio::test]
async fn whoever_goes_away_leaves_one_question_with_one_answer_and_nothing_else() {
    let stack = Stack::with_model().await;
    let agents = join_all(PHASES.map(|_| stack.agent())).await;
    // It stops when the last stream has ended, and not before.
    let patient = Options::of(&[Role::CommandApi]).with(&["--stream-drain-grace", "10m"]);
    let instance = stack.launch(patient).await;
    let leaving = PHASES.into_iter().zip(agents);
    let leaving = leaving.map(|(phase, agent)| Left::at(instance.command_api(), agent, stack.model().script(), phase));

    let left = join_all(leaving).await;

    instance.terminate();
    assert!(
        instance.drained().await,
        "nothing waits for who has gone, though answers are being written"
    );
    join_all(left.into_iter().map(|left| left.comes_back(stack.command_api()))).await;
}

/// A connection of the visitor's.
async fn connect(visitor: &Visitor) -> TcpStream {
    let address = visitor.command_api().strip_prefix("http://").expect("an address");
    TcpStream::connect(address).await.expect("a connection")
}

/// A request's line and headers.
fn head(visitor: &Visitor, method: &str, path: &str, length: usize) -> String {
    let Visitor { origin, token, .. } = visitor;
    format!(
        "{method} /api/v1/widget{path} HTTP/1.1\r\nHost: diagent\r\nConnection: close\r\nOrigin: {origin}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}
