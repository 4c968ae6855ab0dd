//! Whatever is sent, the answer is a 4xx in the envelope, and never a 5xx.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Answer, Stack, Visitor, send};

/// A refusal of the caller's, in the envelope.
fn is_refused(what: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{what}: {answer}");
    answer.envelope();
}

const WRITES: [&str; 8] = [
    "/init",
    "/messages",
    "/messages/stream",
    "/leads",
    "/events",
    "/conversation/request-human",
    "/conversation/satisfaction",
    "/messages/01JA8Q5T3V9Y6ZK4W2M7XN8RBC/feedback",
];

async fn send_bytes(visitor: &Visitor, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    send(
        visitor
            .request(Method::POST, path)
            .header("Content-Type", kind)
            .body(body),
    )
    .await
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let visitor = Stack::shared().await.agent().await.busy_visitor().await;
    let bodies: [&[u8]; 9] = [
        b"{",
        b"nonsense",
        b"{\"message\":}",
        b"{\"message\":\"a\",}",
        b"\xef\xbb\xbf{}",
        b"\0",
        b"{\"message\":\"raw \0 nul\"}",
        b"[[[[[[",
        b"{\"message\":\"x\"}{\"message\":\"y\"}",
    ];
    for path in WRITES {
        for body in bodies {
            let answer = send_bytes(&visitor, path, "application/json", body.to_vec()).await;
            is_refused(&format!("{path} {:?}", String::from_utf8_lossy(body)), &answer);
        }
    }
    // Where a field is ignored, so is what stands in it.
    for path in ["/messages", "/messages/stream"] {
        for body in [
            &b"{\"message\":\"\xff\xfe\"}"[..],
            b"{\"message\":\"\\ud800\"}",
            b"{\"message\":1e999}",
        ] {
            is_refused(
                "text that is none",
                &send_bytes(&visitor, path, "application/json", body.to_vec()).await,
            );
        }
    }
}

#[tokio::test]
async fn bodies_of_another_type_are_refused() {
    let visitor = Stack::shared().await.agent().await.busy_visitor().await;
    let body = br#"{"message":"hello","agent_id":"x","email":"a@b.example","rating":"good"}"#;
    for path in WRITES.iter().filter(|path| **path != "/events") {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonp",
            "",
            "\u{7f}",
        ] {
            let Ok(kind) = reqwest::header::HeaderValue::from_bytes(kind.as_bytes()) else {
                continue;
            };
            let request = visitor.request(Method::POST, path).header("Content-Type", kind.clone());
            send(request.body(body.to_vec()))
                .await
                .refusal(415, "unsupported_media_type");
        }
    }
    let fine = send_bytes(
        &visitor,
        "/conversation/satisfaction",
        "application/json; charset=utf-8",
        br#"{"rating":"good"}"#.to_vec(),
    )
    .await;
    fine.expect(204);
}

#[tokio::test]
async fn deep_and_large_bodies_are_refused() {
    let visitor = Stack::shared().await.agent().await.busy_visitor().await;
    let deep = |levels: usize| {
        format!(
            "{{\"message\":\"x\",\"page_context\":{}{}}}",
            "{\"a\":".repeat(levels),
            "1".to_owned() + &"}".repeat(levels)
        )
    };
    for path in WRITES {
        for levels in [64, 10_000] {
            is_refused(
                "deep",
                &send_bytes(&visitor, path, "application/json", deep(levels).into_bytes()).await,
            );
        }
        is_refused(
            "deep arrays",
            &send_bytes(&visitor, path, "application/json", "[".repeat(60_000).into_bytes()).await,
        );
        for size in [65 * 1_024, 1 << 20] {
            let answer = send_bytes(&visitor, path, "application/json", vec![b' '; size]).await;
            answer.refusal(413, "payload_too_large");
        }
    }
}

const STRANGE: [&str; 16] = [
    "\u{0}",
    "a\u{0}b",
    "\u{1}\u{2}\u{1b}[31m",
    "\u{feff}",
    "\u{202e}abc",
    "e\u{301}\u{301}\u{301}",
    "🏳️‍🌈👩‍👩‍👧‍👦",
    "\u{fffd}\u{ffff}",
    "𝒳\u{10ffff}",
    "<script>alert(1)</script>",
    "'; DROP TABLE leads; --",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "%s%n%x",
    "../../etc/passwd",
    "\r\nSet-Cookie: x=y",
];

#[tokio::test]
async fn strange_texts_are_kept_or_refused_but_never_break() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    for text in STRANGE {
        let calls = [
            (
                "/messages",
                json!({ "message": text, "page_url": text, "page_context": { text: text }, "client_message_id": text }),
            ),
            ("/messages", json!({ "message": text })),
            (
                "/leads",
                json!({ "email": text, "name": text, "phone": text, "fields": { text: text } }),
            ),
            ("/leads", json!({ "email": "a@b.example", "name": text })),
            (
                "/events",
                json!({ "event": "x", "rule_id": text, "page_url": text, "metadata": { text: text } }),
            ),
            (
                "/conversation/satisfaction",
                json!({ "rating": "bad", "comment": text }),
            ),
            ("/conversation/request-human", json!({ "reason": text })),
        ];
        for (path, body) in calls {
            let answer = visitor.post(path, &body).await;
            assert!(answer.status < 500, "{path} {text:?}: {answer}");
        }
        let mut body = agent.init_body();
        body["anon_id"] = json!(text);
        body["page_url"] = json!(text);
        body["locale"] = json!(text);
        let answer = agent.init_at(Stack::shared().await.unlimited().await, &body).await;
        assert!(answer.status < 500, "{text:?}: {answer}");
    }
    let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
    // What was stored can be read: the read models did not choke on it.
    for path in [
        agent.path("/conversations"),
        agent.path("/leads"),
        agent.path("/leads?format=csv"),
        agent.path("/telemetry"),
        agent.path("/gaps"),
        format!("/api/v1/conversations/{}", visitor.conversation_id),
    ] {
        agent.team.read_at(&path, &position).await.expect(200);
    }
    let projections = agent.team.read("/api/v1/projections").await.data(200);
    let letters: u64 = projections
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["dead_letters"].as_u64())
        .sum();
    assert_eq!(letters, 0, "{projections}");
}

#[tokio::test]
async fn strange_paths_and_queries_are_refused() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.busy_visitor().await;
    let long = "x".repeat(4_000);
    for path in [
        "/messages/%00/stream",
        "/messages/%ff/stream",
        "/messages/..%2f..%2fme/stream",
        &format!("/messages/{long}/stream"),
        "/nowhere",
        "//",
        "/conversation/messages?limit=%00",
        "/conversation/messages?before=%ff",
        "/conversation/messages?limit=99999999999999999999",
        "/conversations?limit=-5",
    ] {
        is_refused(path, &visitor.get(path).await);
    }
    for path in [
        "/api/v1/conversations/%00",
        "/api/v1/conversations/x",
        "/api/v1/agents/%ff/leads",
        &format!("/api/v1/agents/{long}/leads"),
        "/api/v1/events?after=%00",
        "/api/v1/events?from=%00",
        "/api/v1/erasures/x",
        "/api/v1/schemas/%00",
        &agent.path("/leads?q=%00"),
        &agent.path("/conversations?cursor=%00"),
        &agent.path("/conversations?limit=9223372036854775808"),
    ] {
        is_refused(path, &agent.team.read(path).await);
    }
    for method in [Method::PATCH, Method::PUT, Method::TRACE, Method::DELETE] {
        is_refused("a method", &send(visitor.request(method, "/messages")).await);
    }
}

#[tokio::test]
async fn types_by_surprise_are_refused() {
    let visitor = Stack::shared().await.agent().await.busy_visitor().await;
    let values = [
        json!(null),
        json!(true),
        json!(1),
        json!(-1.5),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({ "": "" }),
    ];
    for path in WRITES {
        for value in &values {
            let answer = visitor.post(path, value).await;
            assert!(answer.status < 500, "{path} {value}: {answer}");
            for name in [
                "message",
                "agent_id",
                "email",
                "event",
                "rating",
                "reason",
                "fields",
                "metadata",
                "page_context",
                "token",
                "events",
            ] {
                let answer = visitor.post(path, &with(name, value)).await;
                assert!(answer.status < 500, "{path} {name} {value}: {answer}");
            }
        }
    }
}

fn with(name: &str, value: &Value) -> Value {
    json!({ name: value })
}

#[tokio::test]
async fn bytes_that_are_no_http_do_not_hurt() {
    let stack = Stack::shared().await;
    let address = stack
        .command_api()
        .strip_prefix("http://")
        .expect("an address")
        .to_owned();
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"POST /api/v1/widget/init HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST /api/v1/widget/init HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", huge.as_bytes()] {
        let mut socket = TcpStream::connect(&address).await.expect("a connection");
        // The server may hang up in the middle of what is sent.
        drop(socket.write_all(bytes).await);
        drop(socket.shutdown().await);
        let mut answer = Vec::new();
        let read = tokio::time::timeout(std::time::Duration::from_secs(15), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "it hangs on {:?}", &bytes[..bytes.len().min(60)]);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    stack.agent().await.visitor().await;
}

#[tokio::test]
async fn who_sends_too_slowly_is_let_go() {
    let stack = Stack::shared().await;
    let address = stack
        .command_api()
        .strip_prefix("http://")
        .expect("an address")
        .to_owned();
    let begun = async |bytes: &'static str| {
        let mut socket = TcpStream::connect(&address).await.expect("a connection");
        socket.write_all(bytes.as_bytes()).await.expect("bytes are sent");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(std::time::Duration::from_secs(25), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "it waits for ever: {bytes:?}");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (headers, body) = tokio::join!(
        begun("POST /api/v1/widget/init HTTP/1.1\r\nHost: x\r\nX-Slow: "),
        begun(
            "POST /api/v1/widget/init HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"agent_id\":"
        ),
    );
    assert!(headers.is_empty() || headers.starts_with("HTTP/1.1 408"), "{headers}");
    assert!(
        body.starts_with("HTTP/1.1 408") && body.contains("request_timeout"),
        "{body}"
    );
}
