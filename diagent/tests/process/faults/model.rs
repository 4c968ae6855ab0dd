//! A language model that takes its time, so that what dies dies in the middle of an answer. No two of its answers are the same:
//! pieces of two runs in one answer show.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse, routing::post};
use bytes::Bytes;
use futures::stream;
use serde_json::json;
use tokio::net::TcpListener;

const PIECES: u64 = 25;
const PACE: Duration = Duration::from_millis(20);

/// Starts one; answers with where it listens.
#[expect(clippy::disallowed_methods, reason = "the model lives as long as the test")]
pub(super) async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let router = Router::new().route("/v1/chat/completions", post(async || answer()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn answer() -> impl IntoResponse {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let chunks = stream::unfold(0, move |index| async move {
        if index > PIECES {
            return None;
        }
        tokio::time::sleep(PACE).await;
        let chunk = if index == PIECES {
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n".to_owned()
        } else {
            let content = format!("word {index} of call {call}, ");
            format!(
                "data: {}\n\n",
                json!({ "choices": [{ "delta": { "content": content } }] })
            )
        };
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), index + 1))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(chunks))
}
