//! `diagent doctor` on a machine that is as it should be but for what each test says.

use std::process::Stdio;

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

/// What it prints, each line with single spaces.
async fn doctor(environment: &[(&str, &str)]) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("diagent-doctor-{}", std::process::id()));
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -S -n 256; exec \"$0\" doctor",
            env!("CARGO_BIN_EXE_diagent"),
        ])
        .env("DIAGENT_DATA_DIR", folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the binary");
    let lines = String::from_utf8(output.stdout).expect("text");
    let single = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.lines().map(single).collect()
}

/// A model that wants a key, and what it is for in its path.
#[expect(clippy::disallowed_methods, reason = "it ends with the test")]
async fn model() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let with_key = |answer: Value| {
        async move |headers: HeaderMap| {
            let key = headers.get("authorization").and_then(|key| key.to_str().ok());
            if key == Some("Bearer right") {
                Ok(answer.to_string())
            } else {
                Err(StatusCode::UNAUTHORIZED)
            }
        }
    };
    let answer = json!({ "choices": [{ "message": { "role": "assistant", "content": "Hi" } }] });
    let vector = json!({ "data": [{ "index": 0, "embedding": [0.1, 0.2, 0.3] }] });
    let router = Router::new()
        .route("/v1/chat/completions", post(with_key(answer)))
        .route("/v1/embeddings", post(with_key(vector)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn the_models_are_asked_for_a_word() {
    let url = model().await;
    let answering = doctor(&[
        ("LLM_BASE_URL", &url),
        ("LLM_MODEL", "small"),
        ("LLM_API_KEY", "right"),
        ("EMBEDDING_BASE_URL", &url),
        ("EMBEDDING_API_KEY", "right"),
    ])
    .await;
    assert!(
        answering.contains(&format!("ok language model small at {url} answers")),
        "{answering:?}"
    );
    assert!(
        answering.contains(&format!("ok embedding model default at {url} answers, 3 dimensions")),
        "{answering:?}"
    );

    let refusing = doctor(&[("LLM_BASE_URL", &url), ("LLM_API_KEY", "wrong-secret")]).await;
    let expected = format!("wrong language model {url} answers 401 Unauthorized; see LLM_API_KEY");
    assert!(refusing.contains(&expected), "{refusing:?}");
    assert!(!format!("{refusing:?}").contains("wrong-secret"));
}

#[tokio::test]
async fn a_shells_limit_of_open_files_is_raised_to_what_the_system_allows() {
    let lines = doctor(&[]).await;
    let files = lines.iter().find(|line| line.contains("open files")).expect("a line");
    assert!(!files.contains("256 at most"), "{files}");
}
