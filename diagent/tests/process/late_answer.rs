//! A responder that was thought dead answers after all, while another one is answering: the visitor is left with what the log
//! holds.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::post};
use bytes::Bytes;
use embedded::testing;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    apart::{ORIGIN, Shop, define, shared, token},
    support::{Folder, Process, Visitor, client, content, free_addresses, ready, until},
};

/// A model whose answers begin at once and end when they may.
#[derive(Default)]
struct Model {
    calls: AtomicUsize,
    ends: [Gate; 2],
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Model {
    #[expect(clippy::disallowed_methods, reason = "the model lives as long as the test")]
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/v1")
    }

    async fn called(&self, times: usize) {
        until(&format!("the model is asked {times} times"), async || {
            self.calls.load(Ordering::Relaxed) == times
        })
        .await;
    }

    fn ends(&self, call: usize) {
        self.ends[call].0.add_permits(1);
    }
}

async fn answer(State(model): State<Arc<Model>>) -> impl IntoResponse {
    let call = model.calls.fetch_add(1, Ordering::Relaxed);
    let piece = |content: &str| {
        format!(
            "data: {}\n\n",
            json!({ "choices": [{ "delta": { "content": content } }] })
        )
    };
    let begin = piece(&format!("Answer {call} begins"));
    let end =
        piece(" and ends.") + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let rest = stream::once(async move {
        let _open = model.ends[call].0.acquire().await;
        end
    });
    let chunks = stream::iter([begin]).chain(rest);
    let body = Body::from_stream(chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk))));
    ([("content-type", "text/event-stream")], body)
}

#[tokio::test]
async fn who_answers_later_gives_way_to_the_answer_in_the_log() {
    let (nats, database, folder) = (testing::nats().await, testing::database().await, Folder::new("late"));
    let model = Arc::new(Model::default());
    let llm = model.start().await;
    let [command_api, read_api, first, second, projector] = free_addresses();
    let own = [
        ("COMMAND_API_ADDR", command_api.as_str()),
        ("READ_API_ADDR", &read_api),
        ("PROJECTOR_ADDR", &projector),
        ("LLM_BASE_URL", &llm),
        ("LLM_MODEL", "slow"),
    ];
    let environment = [&shared(nats.url(), database.url())[..], &own].concat();
    let start = |role: &str, responder: &str, output: &str| {
        let environment = [&environment[..], &[("RESPONDER_ADDR", responder)]].concat();
        Process::start(&[role], &environment, &folder.path(output))
    };
    let _others = ["projector", "read-api", "command-api"].map(|role| start(role, &first, role));
    let thought_dead = start("responder", &first, "first");
    for address in [&command_api, &read_api, &first, &projector] {
        ready(&format!("http://{address}/readyz")).await;
    }
    let Shop { agent_id, .. } = define(&command_api, &read_api).await;
    let visitor = Visitor::init(&command_api, ORIGIN, json!({ "agent_id": agent_id })).await;

    let steps = async {
        model.called(1).await;
        thought_dead.pause();
        let other = start("responder", &second, "second");
        model.called(2).await;
        model.ends(0);
        thought_dead.resume();
        until("the first answer is in the log", async || {
            stored(&read_api).await.contains("Answer 0 begins and ends.")
        })
        .await;
        model.ends(1);
        other
    };
    let (lines, _other) = tokio::join!(visitor.ask("Can I return a lantern?"), steps);

    let begin = lines
        .iter()
        .rposition(|line| line["event"] == "restart")
        .map_or(0, |at| at + 1);
    assert_eq!(content(&lines[begin..]), "Answer 0 begins and ends.", "{lines:?}");
    assert_eq!(lines.last().map(|line| &line["event"]), Some(&Value::from("done")));
}

/// The whole log, as analysts get it.
async fn stored(read_api: &str) -> String {
    let request = client()
        .get(format!("http://{read_api}/api/v1/events"))
        .bearer_auth(token());
    let answer = request.send().await.expect("a replay");
    answer.text().await.expect("a whole replay")
}
