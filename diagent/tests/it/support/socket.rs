//! A client of the Pusher protocol: what pusher-js says and hears on its socket, frame by frame.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{Operator, Visitor, http, send};

/// What takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// What the first frame said.
    pub(crate) id: String,
}

/// What a socket hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    /// The other side closed it, with this code.
    Closed(u16),
}

impl Socket {
    /// Opens one as pusher-js does, and is told its id.
    pub(crate) async fn open(command_api: &str) -> Self {
        let mut socket = Self::at(
            command_api,
            "/app/diagent?protocol=7&client=js&version=8.6.0&flash=false",
        )
        .await;
        let established = socket.frame().await;
        assert_eq!(established["event"], "pusher:connection_established");
        socket.id = data(&established)["socket_id"].as_str().expect("an id").to_owned();
        socket
    }

    /// Opens one at any address, whatever it is told then.
    pub(crate) async fn at(command_api: &str, path: &str) -> Self {
        Self::with_buffer(command_api, path, None).await
    }

    /// One whose network takes next to nothing that is not read.
    pub(crate) async fn narrow(command_api: &str) -> Self {
        let mut socket = Self::with_buffer(command_api, "/app/diagent?protocol=7", Some(4_096)).await;
        let established = socket.frame().await;
        socket.id = data(&established)["socket_id"].as_str().expect("an id").to_owned();
        socket
    }

    async fn with_buffer(command_api: &str, path: &str, receive_bytes: Option<u32>) -> Self {
        let address = command_api.strip_prefix("http://").expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).expect("a small buffer");
        }
        let tcp = socket.connect(address.parse().expect("an address")).await;
        let opened = client_async(format!("ws://{address}{path}"), tcp.expect("a connection")).await;
        Self {
            stream: opened.expect("a socket").0,
            id: String::new(),
        }
    }

    /// Says something.
    pub(crate) async fn say(&mut self, event: &str, data: Value) {
        self.say_raw(json!({ "event": event, "data": data }).to_string()).await;
    }

    /// Says something that need not be a frame. Whether it is still heard shows in what comes back.
    pub(crate) async fn say_raw(&mut self, text: String) {
        drop(self.stream.send(Message::text(text)).await);
    }

    /// What comes next.
    pub(crate) async fn heard(&mut self) -> Heard {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match next.expect("something is heard in time") {
                Some(Ok(Message::Text(text))) => return Heard::Frame(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.expect("a code").code.into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => unreachable!("the socket broke: {error}"),
                None => unreachable!("the socket ended without a word"),
            }
        }
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        match self.heard().await {
            Heard::Frame(frame) => frame,
            Heard::Closed(code) => unreachable!("a frame was expected, it was closed with {code}"),
        }
    }

    /// Name and data of the next event of a channel.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let frame = self.frame().await;
        assert!(frame["channel"].is_string(), "{frame}");
        (frame["event"].as_str().expect("a name").to_owned(), data(&frame))
    }

    /// Reads to the end; answers the code it was closed with.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.heard().await {
                return code;
            }
        }
    }

    /// Subscribes with a signature, if there is one; answers the frame that comes back.
    pub(crate) async fn subscribe(&mut self, channel: &str, signed: &Value) -> Value {
        let mut data = json!({ "channel": channel });
        for name in ["auth", "channel_data"] {
            if let Some(value) = signed.get(name) {
                data[name] = value.clone();
            }
        }
        self.say("pusher:subscribe", data).await;
        self.frame().await
    }

    /// Listens to the visitor's own conversation.
    pub(crate) async fn join(&mut self, visitor: &Visitor) {
        let channel = channel_of(&visitor.conversation_id);
        let signed = send(visitor.authorise(&self.id, &channel)).await.expect(200).json();
        self.joined(&channel, &signed).await;
    }

    /// Listens as somebody of the team.
    pub(crate) async fn join_as(&mut self, person: &Operator, conversation_id: &str) {
        let channel = channel_of(conversation_id);
        let signed = send(person.authorise(&self.id, &channel)).await.expect(200).json();
        self.joined(&channel, &signed).await;
    }

    async fn joined(&mut self, channel: &str, signed: &Value) {
        let answer = self.subscribe(channel, signed).await;
        assert_eq!(answer["event"], "pusher_internal:subscription_succeeded", "{answer}");
        assert_eq!((&answer["channel"], &answer["data"]), (&json!(channel), &json!("{}")));
    }
}

impl Visitor {
    /// Asks to listen to a channel, as pusher-js does.
    pub(crate) fn authorise(&self, socket_id: &str, channel: &str) -> RequestBuilder {
        let request = http::client().request(Method::POST, format!("{}/broadcasting/auth", self.command_api()));
        form(request, socket_id, channel)
            .bearer_auth(&self.token)
            .header("Origin", &self.origin)
    }
}

impl Operator {
    /// The same, as somebody of a team.
    pub(crate) fn authorise(&self, socket_id: &str, channel: &str) -> RequestBuilder {
        form(self.command(Method::POST, "/broadcasting/auth"), socket_id, channel)
    }
}

fn form(request: RequestBuilder, socket_id: &str, channel: &str) -> RequestBuilder {
    request
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("socket_id={socket_id}&channel_name={channel}"))
}

/// What a conversation's channel is called.
pub(crate) fn channel_of(conversation_id: &str) -> String {
    format!("private-conversation.{conversation_id}")
}

/// The data of a frame: JSON in a string.
pub(crate) fn data(frame: &Value) -> Value {
    serde_json::from_str(
        frame["data"]
            .as_str()
            .unwrap_or_else(|| unreachable!("no data: {frame}")),
    )
    .expect("JSON")
}
