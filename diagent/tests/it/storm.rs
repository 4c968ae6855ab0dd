//! A restart of the command API under many open streams and sockets: all come back at the same moment, to another instance, and
//! nobody misses a word.

use std::sync::Arc;

use futures::future::join_all;

use crate::support::{
    Agent, Options, Process, Role, Socket, Sse, Stack, Visitor,
    model::{Call, Script},
    until,
};

const VISITORS: usize = 20;

/// A visitor in the middle of an answer, with the stream and the socket that the widget has.
struct Browser {
    visitor: Visitor,
    stream: Sse,
    socket: Socket,
    script: Script,
    call: Call,
}

impl Browser {
    async fn at(command_api: &str, agent: &Agent, mut script: Script) -> Self {
        let visitor = agent.visitor_at(command_api).await;
        let mut socket = Socket::open(command_api).await;
        socket.join(&visitor).await;
        let mut stream = visitor.stream_message(&script.question(), "c1").await;
        let mut call = script.call().await;
        call.say("One");
        assert_eq!(stream.token().await, "One");
        Self {
            visitor,
            stream,
            socket,
            script,
            call,
        }
    }

    /// Goes on at another instance, which may be too busy for a moment and says so.
    async fn moves_to(self, command_api: &str) -> Self {
        let visitor = self.visitor.at(command_api);
        let message_id = self.stream.message_id();
        drop((self.stream, self.socket));
        let stream = until("the stream goes on", async || {
            match Sse::open(visitor.resume_request(&message_id, Some(0))).await {
                Ok(stream) => Ok(stream),
                Err(busy) => {
                    assert!(busy.status == 503 && busy.retry_after() > 0, "{busy}");
                    Err(busy.to_string())
                }
            }
        });
        let socket = async {
            let mut socket = Socket::open(command_api).await;
            socket.join(&visitor).await;
            socket
        };
        let (stream, socket) = tokio::join!(stream, socket);
        Self {
            visitor,
            stream,
            socket,
            ..self
        }
    }

    /// The answer ends as if nothing had been.
    async fn hears_the_rest(mut self) {
        self.call.say(" two.");
        self.call.finish();
        let rest = self.stream.to_end().await;
        assert_eq!(rest.events(), ["token", "citations", "done"]);
        assert_eq!(rest.text(), " two.", "once, and behind what was seen");
        let (name, answer) = self.socket.event().await;
        assert_eq!(
            (name.as_str(), &answer["content"]),
            ("message.created", &"One two.".into())
        );
        assert!(!self.script.is_called(), "the model was asked once");
    }
}

/// How an instance ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Killed,
    Told,
}

#[tokio::test]
async fn everybody_comes_back_after_a_restart_and_misses_nothing() {
    let stack = Stack::with_model().await;
    for ends in [Ends::Killed, Ends::Told] {
        let agent = stack.agent().await;
        let first = instance(&stack).await;
        let browsers = (0..VISITORS).map(|_| Browser::at(first.command_api(), &agent, stack.model().script()));
        let browsers = join_all(browsers).await;
        let next = instance(&stack).await;

        let browsers = match ends {
            Ends::Killed => {
                first.kill();
                browsers
            }
            Ends::Told => {
                first.terminate();
                let browsers = join_all(browsers.into_iter().map(is_sent_away)).await;
                assert!(first.drained().await, "nobody is left there");
                browsers
            }
        };

        let back = join_all(browsers.into_iter().map(|browser| browser.moves_to(next.command_api()))).await;
        join_all(back.into_iter().map(Browser::hears_the_rest)).await;
        assert_eq!(
            agent.logged("diagent.message.answered").await.len(),
            VISITORS,
            "{ends:?}"
        );
    }
}

async fn instance(stack: &Arc<Stack>) -> Process {
    let soon = Options::of(&[Role::CommandApi]).with(&["--stream-drain-grace", "1s"]);
    stack.launch(soon).await
}

/// A process that stops says so on the stream, and closes the socket with the code that asks a client to come back.
async fn is_sent_away(mut browser: Browser) -> Browser {
    let line = browser.stream.next().await.expect("a line");
    assert_eq!(
        (line.event(), &line.json["code"], line.id),
        ("error", &"draining".into(), None)
    );
    assert_eq!(browser.socket.closed().await, 4200);
    browser
}
