//! `GET /api/v1/events`: the log for analysts.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Agent, Parameters, Stack, schemas, send};

async fn replay(agent: &Agent, query: &[(&str, &str)]) -> Vec<Value> {
    let answer = send(agent.team.query("/api/v1/events").query(query)).await.expect(200);
    schemas::events(&answer.text())
}

#[tokio::test]
async fn everything_in_the_log_fits_its_schema() {
    let (agent, _) = written().await;
    // Also what all the tests before this one have written.
    let everything = send(Stack::shared().await.root().query("/api/v1/events"))
        .await
        .expect(200);
    let events = schemas::events(&everything.text());
    assert!(events.iter().any(|event| event["agentid"] == agent.id.as_str()));
    let served = agent
        .team
        .read("/api/v1/schemas/diagent.message.posted:1")
        .await
        .data(200);
    assert_eq!(served["$id"], "urn:diagent:schema:diagent.message.posted:1");
    assert!(served["examples"][0]["content"].is_string(), "{served}");
}

async fn written() -> (Agent, Vec<Value>) {
    let agent = Stack::shared().await.agent().await;
    for number in 0..3 {
        let visitor = agent.visitor().await;
        visitor.ask(&format!("Question {number}?")).await;
        visitor
            .post("/leads", &json!({ "email": format!("p{number}@example.com") }))
            .await
            .data(201);
        visitor
            .post("/events", &json!([{ "event": "a" }, { "event": "b" }]))
            .await
            .data(202);
    }
    let all = replay(&agent, &[]).await;
    (agent, all)
}

fn positions(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["position"].as_str().expect("a position"))
        .collect()
}

#[tokio::test]
async fn every_line_is_a_cloud_event_with_its_position() {
    let (agent, all) = written().await;
    let answer = send(agent.team.query("/api/v1/events")).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        all.len(),
        2 + 3 * 7,
        "workspace, agent, and of each visitor seven: {:?}",
        positions(&all)
    );
    let schemas = agent.team.read("/api/v1/schemas").await.data(200);
    for event in &all {
        assert_eq!(event["specversion"], "1.0", "{event}");
        for name in [
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "position",
            "workspaceid",
        ] {
            assert!(
                event[name].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {event}"
            );
        }
        assert_eq!(event["id"].as_str().map(str::len), Some(26));
        assert!(event["type"].as_str().is_some_and(|kind| kind.starts_with("diagent.")));
        assert!(event["data"].is_object());
        let names = event.as_object().expect("an object").keys();
        let plain = |name: &String| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        assert!(
            names.into_iter().all(plain),
            "CloudEvents names are lower-case letters and digits: {event}"
        );
        let schema = event["dataschema"]
            .as_str()
            .expect("a schema")
            .strip_prefix("urn:diagent:schema:")
            .expect("ours");
        assert!(schemas.get(schema).is_some(), "{schema} is not served");
    }
    let mut ids: Vec<&Value> = all.iter().map(|event| &event["id"]).collect();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), all.len());
}

#[tokio::test]
async fn one_visitors_events_come_in_their_order() {
    let (_, all) = written().await;
    for visitor in all.iter().filter(|event| event["type"] == "diagent.visitor.arrived") {
        let own = all.iter().filter(|event| event["visitorid"] == visitor["visitorid"]);
        let kinds: Vec<&str> = own.map(|event| event["type"].as_str().expect("a type")).collect();
        let expected = [
            "diagent.visitor.arrived",
            "diagent.conversation.started",
            "diagent.message.posted",
            "diagent.message.answered",
            "diagent.lead.captured",
            "diagent.telemetry.recorded",
            "diagent.telemetry.recorded",
        ];
        assert_eq!(kinds, expected);
    }
    let answered = all
        .iter()
        .find(|event| event["type"] == "diagent.message.answered")
        .expect("an answer");
    let posted = all
        .iter()
        .find(|event| event["data"]["answer_id"] == answered["data"]["message_id"])
        .expect("its question");
    assert_eq!(answered["causationid"], posted["id"], "what led to it is told");
    assert_eq!(answered["correlationid"], posted["correlationid"]);
}

#[tokio::test]
async fn a_replay_goes_on_after_any_position() {
    let (agent, all) = written().await;
    for (index, event) in all.iter().enumerate() {
        let rest = replay(&agent, &[("after", event["position"].as_str().expect("a position"))]).await;
        assert_eq!(
            positions(&rest),
            positions(&all[index + 1..]),
            "after {}",
            event["position"]
        );
    }
    let each = all[..10]
        .iter()
        .fold(std::collections::BTreeMap::new(), |mut each, event| {
            let (partition, sequence) = event["position"]
                .as_str()
                .and_then(|position| position.split_once(':'))
                .expect("a position");
            each.insert(partition, sequence);
            each
        });
    let list = each
        .iter()
        .map(|(partition, sequence)| format!("{partition}:{sequence}"))
        .collect::<Vec<_>>()
        .join(",");
    let rest = replay(&agent, &[("after", &list)]).await;
    assert_eq!(
        positions(&rest),
        positions(&all[10..]),
        "a position of each partition says the same"
    );
    for odd in ["x", "1:x", "99:1", ",", "1:2:3"] {
        assert_eq!(
            send(agent.team.query("/api/v1/events").query(&[("after", odd)]))
                .await
                .refused_fields(),
            ["after"],
            "{odd}"
        );
    }
}

#[tokio::test]
async fn the_log_is_read_as_it_was() {
    let (agent, all) = written().await;
    for field in ["position", "cursor"] {
        for (index, event) in all.iter().enumerate() {
            let place = event[field].as_str().expect("text");
            let then = replay(&agent, &[("as_of", place)]).await;
            assert_eq!(positions(&then), positions(&all[..=index]), "as of {place}");
        }
    }
    assert_eq!(replay(&agent, &[("as_of", "2000-01-01T00:00:00Z")]).await.len(), 0);
    assert_eq!(
        replay(&agent, &[("as_of", "2999-01-01T00:00:00Z")]).await.len(),
        all.len()
    );
    for query in [
        [("as_of", "soon"), ("type", "*")],
        [("as_of", "0:99999999"), ("type", "*")],
    ] {
        let refused = send(agent.team.query("/api/v1/events").query(&query)).await;
        assert_eq!(refused.refused_fields(), ["as_of"]);
    }
    let endless = [("as_of", "2000-01-01T00:00:00Z"), ("follow", "true")];
    let refused = send(agent.team.query("/api/v1/events").query(&endless)).await;
    assert_eq!(refused.refused_fields(), ["follow"]);
}

#[tokio::test]
async fn a_replay_is_compressed_for_who_asks() {
    let (agent, _) = written().await;
    let magics: [(&str, &[u8]); 2] = [("gzip", &[0x1f, 0x8b]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])];
    for (coding, magic) in magics {
        let request = agent.team.query("/api/v1/events").header("Accept-Encoding", coding);
        let answer = send(request).await.expect(200);
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert!(answer.body.starts_with(magic), "{coding}");
    }
}

#[tokio::test]
async fn a_replay_is_filtered() {
    let (agent, all) = written().await;
    let count = |kind: &str| {
        all.iter()
            .filter(|event| event["type"].as_str().is_some_and(|own| own.starts_with(kind)))
            .count()
    };
    for (kind, beginning) in [
        ("diagent.lead.captured", "diagent.lead.captured"),
        ("diagent.message.*", "diagent.message."),
    ] {
        assert_eq!(
            replay(&agent, &[("type", kind)]).await.len(),
            count(beginning),
            "{kind}"
        );
    }
    assert_eq!(
        replay(&agent, &[("agent_id", &agent.id)]).await.len(),
        all.len() - 1,
        "the workspace is no agent's"
    );
    assert_eq!(replay(&agent, &[("from", "2999-01-01T00:00:00Z")]).await.len(), 0);
    assert_eq!(replay(&agent, &[("to", "2000-01-01T00:00:00Z")]).await.len(), 0);
    assert_eq!(
        replay(
            &agent,
            &[("from", "2000-01-01T00:00:00Z"), ("to", "2999-01-01T00:00:00Z")]
        )
        .await
        .len(),
        all.len()
    );
    for (query, field) in [("from", "from"), ("to", "to")] {
        assert_eq!(
            send(agent.team.query("/api/v1/events").query(&[(query, "soon")]))
                .await
                .refused_fields(),
            [field]
        );
    }
    for kind in ["a*b", "nonsense", "diagent.nothing.*"] {
        let bad = send(agent.team.query("/api/v1/events").query(&[("type", kind)])).await;
        assert_eq!(bad.refused_fields(), ["type"], "{kind}");
    }
    send(agent.team.query("/api/v1/events").query(&[("agent_id", "nonsense")]))
        .await
        .refusal(422, "validation_failed");
}

/// Lines of an answer that does not end by itself.
struct Following {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Following {
    async fn open(request: reqwest::RequestBuilder) -> (Self, String) {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
        let bytes = response.bytes_stream().boxed();
        let buffer = Vec::new();
        (Self { bytes, buffer }, kind)
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return String::from_utf8(line).expect("UTF-8").trim_end().to_owned();
            }
            let next = tokio::time::timeout(Duration::from_secs(20), self.bytes.next()).await;
            let next = next.expect("a line in time").expect("it does not end");
            self.buffer.extend_from_slice(&next.expect("bytes"));
        }
    }
}

#[tokio::test]
async fn who_follows_is_told_what_happens() {
    let (agent, all) = written().await;
    let request = agent
        .team
        .query("/api/v1/events")
        .query(&[("follow", "true"), ("agent_id", &agent.id)])
        .header("Accept-Encoding", "gzip, zstd");
    let (mut following, kind) = Following::open(request).await;
    assert_eq!(kind, "application/x-ndjson");
    for event in all.iter().filter(|event| event.get("agentid").is_some()) {
        let line: Value = serde_json::from_str(&following.line().await).expect("JSON");
        assert_eq!(line["position"], event["position"]);
    }

    for name in ["one", "two", "three"] {
        let visitor = agent.visitor().await;
        visitor.post("/events", &json!({ "event": name })).await.data(202);
        for kind in [
            "diagent.visitor.arrived",
            "diagent.conversation.started",
            "diagent.telemetry.recorded",
        ] {
            let line: Value = serde_json::from_str(&following.line().await).expect("JSON");
            assert_eq!(
                (&line["type"], &line["visitorid"]),
                (&json!(kind), &json!(visitor.visitor_id))
            );
        }
    }
}

#[tokio::test]
async fn browsers_follow_by_server_sent_events() {
    let (agent, all) = written().await;
    let last = all.last().expect("events")["position"]
        .as_str()
        .expect("a position")
        .to_owned();
    let request = agent.team.query("/api/v1/events").query(&[("follow", "true")]);
    let request = request
        .header("Accept", "text/event-stream")
        .header("Last-Event-ID", &last);
    let (mut following, kind) = Following::open(request).await;
    assert_eq!(kind, "text/event-stream");
    let visitor = agent.visitor().await;
    let id = following.line().await;
    let data = following.line().await;
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(event["type"], "diagent.visitor.arrived");
    assert_eq!(event["visitorid"], visitor.visitor_id.as_str());
    assert_eq!(id, format!("id: {}", event["cursor"].as_str().expect("a cursor")));
    assert_eq!(following.line().await, "");
}

#[tokio::test]
async fn a_reader_whose_last_event_was_erased_goes_on() {
    let agent = Stack::shared().await.agent().await;
    let mut visitors = Vec::new();
    for _ in 0..4 {
        let visitor = agent.visitor().await;
        visitor.post("/events", &json!({ "event": "here" })).await.data(202);
        visitors.push(visitor);
    }
    let before = replay(&agent, &[]).await;
    visitors[1].erase().await.data(202);
    let after = replay(&agent, &[]).await;

    let gone = visitors[1].visitor_id.as_str();
    for (index, event) in before.iter().enumerate() {
        let read = &before[..=index];
        let expected: Vec<&str> = positions(&after)
            .into_iter()
            .filter(|position| !positions(read).contains(position))
            .collect();
        let position = event["position"].as_str().expect("a position");
        let rest = replay(&agent, &[("after", position)]).await;
        let rest = positions(&rest);
        let lost: Vec<_> = expected.iter().filter(|position| !rest.contains(position)).collect();
        assert!(
            lost.is_empty(),
            "{lost:?} come after {position} of {}: {rest:?}",
            event["type"]
        );
        if event["visitorid"] != gone {
            assert_eq!(rest, expected, "after {position} of {}", event["type"]);
        }
        let cursor = event["cursor"].as_str().expect("a cursor");
        let rest = replay(&agent, &[("after", cursor)]).await;
        assert_eq!(positions(&rest), expected, "a cursor is exact, after {cursor}");
    }
    assert!(before.iter().any(|event| event["visitorid"] == gone));
}
