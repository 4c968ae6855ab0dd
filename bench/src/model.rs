//! A language model that answers at once, or at a steady pace: what is measured is everything else.

use std::{
    convert::Infallible,
    sync::OnceLock,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, response::IntoResponse, routing::post, serve::ListenerExt as _};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, time::interval_at};

use crate::client::Call;

const WORDS: usize = 20;

const END: Bytes =
    Bytes::from_static(b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");

/// A server that speaks OpenAI's chat completions.
pub(crate) struct Model {
    pub(crate) address: String,
    base_url: String,
    go_on: watch::Sender<bool>,
}

/// So many tokens, one after each pause. Each says when it was said, by [`now_micros`].
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) tokens: u32,
    pub(crate) pause: Duration,
}

#[derive(Clone)]
enum Manner {
    /// The first word at once, the others when it may go on.
    Words(watch::Receiver<bool>),
    Paced(Pace),
}

impl Model {
    /// One whose answers are finished at once.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (go_on, wait) = watch::channel(true);
        Self::serve(go_on, Manner::Words(wait)).await
    }

    /// One whose answers stop after the first word until [`Model::go_on`].
    pub(crate) async fn start_hesitant() -> anyhow::Result<Self> {
        let (go_on, wait) = watch::channel(false);
        Self::serve(go_on, Manner::Words(wait)).await
    }

    /// One whose first token comes at once, and the others at this pace.
    pub(crate) async fn start_paced(pace: Pace) -> anyhow::Result<Self> {
        Self::serve(watch::Sender::new(true), Manner::Paced(pace)).await
    }

    pub(crate) fn go_on(&self) {
        self.go_on.send_replace(true);
    }

    /// Where the product finds it, as environment variables.
    pub(crate) fn settings(&self) -> [(&str, &str); 3] {
        [
            ("LLM_BASE_URL", &self.base_url),
            ("LLM_MODEL", "bench"),
            ("LLM_API_KEY", "bench"),
        ]
    }

    async fn serve(go_on: watch::Sender<bool>, manner: Manner) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let router = Router::new().route(
            "/v1/chat/completions",
            post(move || {
                let manner = manner.clone();
                async move { answer(manner) }
            }),
        );
        #[expect(clippy::disallowed_methods, reason = "the model lives as long as the bench")]
        tokio::spawn(
            async move { axum::serve(listener.tap_io(|socket| drop(socket.set_nodelay(true))), router).await },
        );
        Ok(Self {
            base_url: format!("http://{address}/v1"),
            address,
            go_on,
        })
    }
}

impl Pace {
    /// How long an answer takes.
    pub(crate) fn length(self) -> Duration {
        self.pause * (self.tokens - 1)
    }
}

/// Microseconds since this was first asked: one clock for the model and for who hears it, which are one process.
pub(crate) fn now_micros() -> u64 {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let since = BEGINNING.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What asks a model directly.
pub(crate) fn question(text: &str) -> Call<'static> {
    let body = json!({ "model": "bench", "stream": true, "messages": [{ "role": "user", "content": text }] });
    Call {
        path: "/v1/chat/completions",
        token: None,
        body: body.to_string().into(),
    }
}

fn answer(manner: Manner) -> impl IntoResponse {
    let chunks = match manner {
        Manner::Words(wait) => words(wait).boxed(),
        Manner::Paced(pace) => paced(pace).boxed(),
    };
    let chunks = chunks.map(Ok::<_, Infallible>);
    ([("content-type", "text/event-stream")], Body::from_stream(chunks))
}

fn words(mut wait: watch::Receiver<bool>) -> impl Stream<Item = Bytes> {
    async_stream::stream! {
        for index in 0..WORDS {
            if index == 1 && wait.wait_for(|go_on| *go_on).await.is_err() {
                return;
            }
            yield Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n");
        }
        yield END;
    }
}

fn paced(pace: Pace) -> impl Stream<Item = Bytes> {
    async_stream::stream! {
        // Not `interval`: its first tick, though due at once, comes up to a millisecond later.
        let mut pauses = interval_at(tokio::time::Instant::now() + pace.pause, pace.pause);
        for index in 0..pace.tokens {
            if index > 0 {
                pauses.tick().await;
            }
            let said_at = now_micros();
            yield Bytes::from(format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{said_at} \"}}}}]}}\n\n"));
        }
        yield END;
    }
}
