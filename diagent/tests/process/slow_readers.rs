//! A thousand clients that open a stream and read nothing of it: they are let go, what is held for them stays small, those who read
//! miss nothing meanwhile, and nothing is left of them. The command API is a process of its own, so that what it counts is theirs.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::post};
use bytes::Bytes;
use embedded::testing;
use futures::{StreamExt as _, future::join_all, stream};
use reqwest::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
};

use crate::{
    apart::{ORIGIN, Shop, define, shared, token},
    support::{Folder, Process, Visitor, client, content, free_addresses, ready, send, until},
};

/// Who does not read: as many as the limit of open files lets this process and the command API have.
const ASLEEP: usize = 1_000;
/// Open files for everything else.
const OTHER_FILES: u64 = 200;

/// Of those who do not read, so many follow one answer: it takes some thousand words to fill what the network keeps for a reader,
/// and the log's server sends each word once for each of them. The others listen to conversations, where messages are long.
const FOLLOWERS: usize = 50;
/// Who read, beside whoever asked.
const AWAKE: usize = 5;

/// Words of the answer: more than the network and the stream's queue keep.
const WORDS: usize = 3_000;

const CONVERSATIONS: usize = 10;
/// Messages of the team in each conversation, as long as they may be: more than the network and the stream's queue keep.
const REPLIES: usize = 40;
const REPLY_CHARS: usize = 8_000;

/// What reads nothing has so much of the network's memory, in bytes.
const RECEIVED_MAX: u32 = 4_096;

/// What is held for one who does not read, by the command API and by the network, in bytes.
const HELD_MAX: usize = 240 * 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_do_not_read_are_let_go_and_hold_up_nobody() {
    let product = Product::start().await;
    let listeners = (open_files_allow() - FOLLOWERS) / CONVERSATIONS;

    let visitor = product.visitor().await;
    let mut question = product.asks(&visitor).await;
    let answer_id = question.message_id().await;
    let answer = format!("/messages/{answer_id}/stream");
    let followers = product.streams(&visitor, &answer, FOLLOWERS, Some(RECEIVED_MAX)).await;
    let mut readers = product.streams(&visitor, &answer, AWAKE, None).await;
    readers.push(question);

    let conversations: Vec<Visitor> = join_all((0..CONVERSATIONS).map(|_| product.visitor())).await;
    let (mut asleep, mut awake) = (followers, Vec::new());
    for visitor in &conversations {
        let events = "/conversation/events";
        asleep.extend(product.streams(visitor, events, listeners, Some(RECEIVED_MAX)).await);
        awake.extend(product.streams(visitor, events, 1, None).await);
    }
    let listening = CONVERSATIONS * (listeners + 1);
    product.counts("widget_open_streams", FOLLOWERS + AWAKE + 1).await;
    product.counts("live_open_sockets", listening).await;

    product.model.add_permits(1);
    let said = join_all(conversations.iter().map(|visitor| product.replies(visitor)));
    let read = join_all(readers.into_iter().map(Stream::whole_answer));
    let heard = join_all(awake.into_iter().map(Stream::all_replies));
    let (_, _, transcripts) = tokio::join!(said, heard, read);
    for transcript in transcripts {
        assert_eq!(content(&transcript), "x".repeat(WORDS));
        assert_eq!(transcript.last().expect("a line")["event"], "done");
    }

    product
        .counts("widget_streams_total{outcome=\"slow\"}", FOLLOWERS)
        .await;
    let slow = CONVERSATIONS * listeners;
    product.counts("live_sockets_total{outcome=\"slow\"}", slow).await;
    product.counts("widget_open_streams", 0).await;
    product.counts("live_open_sockets", 0).await;
    for held in join_all(asleep.into_iter().map(Stream::wakes_up)).await {
        assert!(held.starts_with("HTTP/1.1 200"), "{:?}", held.lines().next());
        assert!(!held.contains("\"done\""), "it has to come back for the rest");
        assert!(held.len() < HELD_MAX, "{} bytes are held", held.len());
    }
    product.stops().await;
}

/// How many may be asleep, when the limit of open files is as high as the system has it.
fn open_files_allow() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("what the system allows");
    let readers = limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    usize::try_from(readers).map_or(ASLEEP, |readers| readers.min(ASLEEP))
}

/// The roles as processes, and a model that begins when it may.
struct Product {
    client: Client,
    command_api: String,
    shop: Shop,
    model: Arc<Semaphore>,
    processes: Vec<Process>,
    _folder: Folder,
    _nats: testing::TestNats,
}

impl Product {
    async fn start() -> Self {
        let (nats, database, folder) = (testing::nats().await, testing::database().await, Folder::new("slow"));
        let model = Arc::new(Semaphore::new(0));
        let llm = start_model(&model).await;
        let [command_api, read_api, responder, projector] = free_addresses();
        let own = [
            ("COMMAND_API_ADDR", command_api.as_str()),
            ("READ_API_ADDR", &read_api),
            ("RESPONDER_ADDR", &responder),
            ("PROJECTOR_ADDR", &projector),
            ("LLM_BASE_URL", &llm),
            ("LLM_MODEL", "patient"),
            // Until a thousand streams are open.
            ("ANSWER_TIMEOUT_SECONDS", "240"),
            ("LLM_FIRST_TOKEN_SECONDS", "120"),
            ("LIMIT_READ_PER_MINUTE", "0"),
            ("REVERB_SOCKETS_PER_ADDRESS", "0"),
            // It stops when the last stream has ended, and not before.
            ("STREAM_DRAIN_GRACE", "10m"),
        ];
        let environment = [&shared(nats.url(), database.url())[..], &own].concat();
        let start = |role: &str| Process::start(&[role], &environment, &folder.path(role));
        let processes = ["command-api", "projector", "read-api", "responder"].map(start);
        for address in [&command_api, &read_api, &responder, &projector] {
            ready(&format!("http://{address}/readyz")).await;
        }
        let shop = define(&command_api, &read_api).await;
        Self {
            client: client(),
            command_api,
            shop,
            model,
            processes: processes.into(),
            _folder: folder,
            _nats: nats,
        }
    }

    async fn visitor(&self) -> Visitor {
        Visitor::init(&self.command_api, ORIGIN, json!({ "agent_id": self.shop.agent_id })).await
    }

    async fn asks(&self, visitor: &Visitor) -> Stream {
        let body = json!({ "message": "What do you say?" }).to_string();
        Stream::open(self, visitor, ("POST", "/messages/stream", &body), None).await
    }

    /// So many of the visitor's streams.
    async fn streams(&self, visitor: &Visitor, path: &str, count: usize, received_max: Option<u32>) -> Vec<Stream> {
        let open = (0..count).map(|_| Stream::open(self, visitor, ("GET", path, ""), received_max));
        join_all(open).await
    }

    /// The visitor wants to talk to a person, who writes a lot.
    async fn replies(&self, visitor: &Visitor) {
        let wish = format!("http://{}/api/v1/widget/conversation/request-human", self.command_api);
        let wish = self.client.post(wish).bearer_auth(text(visitor, "jwt"));
        send(wish.header("Origin", ORIGIN)).await;
        let id = text(visitor, "conversation_id");
        let act = |action: &str| {
            let url = format!("http://{}/api/v1/conversations/{id}/{action}", self.command_api);
            self.client.post(url).bearer_auth(token())
        };
        send(act("claim")).await;
        let reply = json!({ "content": "x".repeat(REPLY_CHARS) });
        for _ in 0..REPLIES {
            send(act("reply").json(&reply)).await;
        }
    }

    /// Waits until the command API counts so many.
    async fn counts(&self, figure: &str, count: usize) {
        let line = format!("{figure} {count}");
        until(&format!("the command API says {line}"), async || {
            let figures = self
                .client
                .get(format!("http://{}/metrics", self.command_api))
                .send()
                .await;
            let figures = figures.expect("figures").text().await.expect("a text");
            figures.lines().any(|counted| counted == line)
        })
        .await;
    }

    async fn stops(mut self) {
        for process in &mut self.processes {
            let status = process.terminate().await;
            assert!(status.success(), "{status}: {}", process.said());
            assert!(
                !process.said().contains("connections were still open"),
                "{}",
                process.said()
            );
        }
    }
}

/// What the visitor was told by `init`.
fn text<'a>(visitor: &'a Visitor, field: &str) -> &'a str {
    visitor.data[field].as_str().expect("a text")
}

/// Starts a model that says `x` again and again, once it has a permit.
#[expect(clippy::disallowed_methods, reason = "the model lives as long as the test")]
async fn start_model(begins: &Arc<Semaphore>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/v1/chat/completions", post(answer))
        .with_state(Arc::clone(begins));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

async fn answer(State(begins): State<Arc<Semaphore>>) -> impl IntoResponse {
    begins.acquire().await.expect("a permit").forget();
    let word = Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let said = stream::iter(vec![word; WORDS]).chain(stream::iter([end.into()]));
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(said.map(Ok::<_, Infallible>)),
    )
}

/// One connection with an open stream.
struct Stream {
    connection: TcpStream,
    received: String,
}

impl Stream {
    /// Asks for one, with so many bytes for what is not read.
    async fn open(
        product: &Product,
        visitor: &Visitor,
        (method, path, body): (&str, &str, &str),
        received_max: Option<u32>,
    ) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = received_max {
            socket.set_recv_buffer_size(bytes).expect("a small buffer");
        }
        let address = product.command_api.parse().expect("an address");
        let mut connection = socket.connect(address).await.expect("a connection");
        let token = text(visitor, "jwt");
        let length = body.len();
        let request = format!(
            "{method} /api/v1/widget{path} HTTP/1.1\r\nHost: diagent\r\nConnection: close\r\nOrigin: {ORIGIN}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await.expect("bytes are sent");
        Self {
            connection,
            received: String::new(),
        }
    }

    /// Reads on; answers whether there was something.
    async fn read(&mut self) -> bool {
        let mut bytes = vec![0; 64 * 1_024];
        // Who did not read for long enough is cut off.
        let count = self.connection.read(&mut bytes).await.unwrap_or(0);
        self.received.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    async fn reads_until(&mut self, is_there: impl Fn(&str) -> bool) {
        while !is_there(&self.received) {
            assert!(self.read().await, "it ends: {}", self.received);
        }
    }

    /// What the answer is called.
    async fn message_id(&mut self) -> String {
        self.reads_until(|received| received.contains("\r\n\r\n")).await;
        let mut headers = self.received.lines();
        let id = headers.find_map(|line| line.strip_prefix("diagent-message-id: "));
        id.expect("a name for the answer").to_owned()
    }

    /// Every line of an answer.
    async fn whole_answer(mut self) -> Vec<Value> {
        while self.read().await {}
        let lines = self.received.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Reads until all that the team says was heard.
    async fn all_replies(mut self) {
        let replies = |received: &str| received.matches("event: message.created").count();
        self.reads_until(|received| received.len() > REPLIES * REPLY_CHARS && replies(received) == REPLIES)
            .await;
    }

    /// Reads what was kept.
    async fn wakes_up(mut self) -> String {
        while self.read().await {}
        self.received
    }
}
