//! A language model that answers at once: what is measured is everything else.

use std::convert::Infallible;

use axum::{Router, body::Body, response::IntoResponse, routing::post, serve::ListenerExt as _};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::watch};

const TOKENS: usize = 20;

/// A server that speaks OpenAI's chat completions.
pub(crate) struct Model {
    pub(crate) address: String,
    go_on: watch::Sender<bool>,
}

impl Model {
    /// One whose answers are finished at once.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::serve(true).await
    }

    /// One whose answers stop after the first token until [`Model::go_on`].
    pub(crate) async fn start_hesitant() -> anyhow::Result<Self> {
        Self::serve(false).await
    }

    pub(crate) fn go_on(&self) {
        self.go_on.send_replace(true);
    }

    async fn serve(at_once: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (go_on, wait) = watch::channel(at_once);
        let router = Router::new().route(
            "/v1/chat/completions",
            post(move || {
                let wait = wait.clone();
                async move { answer(wait) }
            }),
        );
        #[expect(clippy::disallowed_methods, reason = "the model lives as long as the bench")]
        tokio::spawn(
            async move { axum::serve(listener.tap_io(|socket| drop(socket.set_nodelay(true))), router).await },
        );
        Ok(Self { address, go_on })
    }
}

fn answer(mut wait: watch::Receiver<bool>) -> impl IntoResponse {
    let chunks = async_stream::stream! {
        for index in 0..TOKENS {
            if index == 1 && wait.wait_for(|go_on| *go_on).await.is_err() {
                return;
            }
            yield Ok::<_, Infallible>(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n"));
        }
        yield Ok(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
    };
    ([("content-type", "text/event-stream")], Body::from_stream(chunks))
}
