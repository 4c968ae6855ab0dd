//! Ids that are none, and places in a list or in the log that are another's: the first are refused and leave nothing, the
//! second show nothing that the caller could not see anyway.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use events::{Log, Partition};
use reqwest::Method;
use serde_json::json;

use crate::support::{Agent, Answer, Parameters, Role, Stack, Visitor, described, send, unique, until};

/// Texts that are no id, some of which mean much to the log, and some of which a careless reader takes for `id`.
fn no_ids(id: &str) -> Vec<String> {
    let plain = ["*", ">", "a.b", "a b", "a%20b", "%2a", "x", "🏮", "*.*.*"];
    let plain = plain.iter().map(|text| (*text).to_owned());
    let (_, behind) = id.split_at(1);
    let alike = [
        id.to_lowercase(),
        format!("8{behind}"),
        format!("{id}0"),
        format!("0{id}"),
        behind.to_owned(),
        format!("{id}.*"),
        format!("{id}.>"),
        format!("{id} "),
        format!("{{{id}}}"),
    ];
    plain.chain(alike).collect()
}

/// In an address, with what has a meaning there escaped.
fn escaped(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn is_refused(what: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{what}: {answer}");
    answer.envelope();
}

async fn written(log: &Log) -> Vec<u64> {
    let mut sequences = Vec::new();
    for partition in Partition::all(log.partitions()) {
        sequences.push(log.last_sequence(partition).await.expect("the log"));
    }
    sequences
}

#[tokio::test]
async fn what_is_no_id_is_refused_wherever_a_widget_sends_one_and_leaves_nothing() {
    // Nobody else writes to its log.
    let stack = Stack::of(&[Role::CommandApi, Role::Responder, Role::ReadApi]).await;
    let agent = stack.agent().await;
    let (api, visitor) = (stack.unlimited().await, agent.busy_visitor().await);
    let own = visitor.ask("Hello!").await.message_id;
    let routes = described::routes(api, |path| path.contains("/widget/") && path.contains('{')).await;
    assert!(routes.len() > 2, "{routes:?}");
    let log = stack.log().await;
    let before = written(&log).await;

    for id in no_ids(&own) {
        for route in &routes {
            let (method, path) = route.split_once(' ').expect("a method and a path");
            let path = path.strip_prefix("/widget").expect("a widget's path");
            let path = path.replace("{message_id}", &escaped(&id));
            assert!(!path.contains('{'), "an id that this test does not know: {path}");
            let request = visitor.request(method.parse().expect("a method"), &path);
            send(request.json(&json!({ "rating": "up" })))
                .await
                .refusal(404, "message_not_found");
        }
        for field in ["before", "after"] {
            let request = visitor.request(Method::GET, "/conversation/messages");
            is_refused(&format!("{field}={id}"), &send(request.query(&[(field, &id)])).await);
        }
    }
    for id in no_ids(&agent.id) {
        let mut body = agent.init_body();
        body["agent_id"] = json!(id);
        is_refused(&id, &agent.init_at(api, &body).await);
    }
    for id in no_ids(&visitor.conversation_id) {
        is_refused(&id, &listen(&visitor, &id).await);
    }

    assert_eq!(before, written(&log).await, "nothing was written");
    listen(&visitor, &visitor.conversation_id).await.expect(200);
    let rated = format!("/messages/{own}/feedback");
    visitor.post(&rated, &json!({ "rating": "up" })).await.expect(204);
}

async fn listen(visitor: &Visitor, conversation_id: &str) -> Answer {
    let url = format!("{}/broadcasting/auth", visitor.command_api());
    let channel = format!("private-conversation.{conversation_id}");
    let request = crate::support::http::client().post(url).bearer_auth(&visitor.token);
    let request = request.header("Origin", &visitor.origin);
    send(request.json(&json!({ "socket_id": "123.456", "channel_name": channel }))).await
}

/// A team with two of everything that is listed, and what only they know.
struct Team {
    agent: Agent,
    visitor: Visitor,
    secret: String,
}

const LISTS: [&str; 4] = [
    "/api/v1/agents/{agent_id}/conversations",
    "/api/v1/agents/{agent_id}/leads",
    "/api/v1/agents/{agent_id}/documents",
    "/api/v1/workspaces/{workspace_id}/conversations",
];

impl Team {
    async fn new(agent: Agent) -> Self {
        let secret = unique("private-");
        let mut visitors = Vec::new();
        for number in 0..2 {
            let text = format!("The password is {secret}.");
            agent.teach(&format!("/{secret}/{number}"), "Private", &text).await;
            let visitor = agent.busy_visitor().await;
            visitor.ask(&format!("What is {secret}?")).await;
            let lead = json!({ "email": format!("{number}.{secret}@example.com") });
            visitor.post("/leads", &lead).await.expect(201);
            visitors.push(visitor);
        }
        let visitor = visitors.pop().expect("a visitor");
        let team = Self { agent, visitor, secret };
        for path in LISTS {
            until("both are listed", async || {
                let answer = team.read(path, &[]).await;
                let rows = answer.data(200).as_array().map_or(0, Vec::len);
                if rows >= 2 { Ok(()) } else { Err(answer.to_string()) }
            })
            .await;
        }
        team
    }

    async fn read(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let path = path.replace("{agent_id}", &self.agent.id);
        let path = path.replace("{workspace_id}", &self.agent.workspace_id);
        send(self.agent.team.query(&path).query(query)).await
    }

    /// Where the first page of a list ends.
    async fn cursor(&self, path: &str) -> String {
        let page = self.read(path, &[("limit", "1")]).await.expect(200).json();
        page["next_cursor"].as_str().expect("a second page").to_owned()
    }

    /// Says its own in `answer`, and nothing of `other`.
    fn sees_its_own(&self, other: &Self, answer: &Answer) {
        let told = answer.text();
        assert_eq!(answer.status, 200, "{answer}");
        assert!(
            told.contains(&self.secret) || told.contains(&self.visitor.visitor_id),
            "{answer}"
        );
        for secret in [&other.secret, &other.visitor.visitor_id, &other.agent.id] {
            assert!(!told.contains(secret), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_place_in_anothers_list_shows_ones_own() {
    let stack = Stack::shared().await;
    // Lists begin with the newest: what is ours lies behind any place of theirs.
    let own = Team::new(stack.agent().await).await;
    let other = Team::new(stack.agent().await).await;
    for path in LISTS {
        let theirs = other.cursor(path).await;
        own.sees_its_own(&other, &own.read(path, &[("cursor", &theirs)]).await);
    }

    let events = other.agent.log().await;
    let theirs = events.first().expect("an event");
    for name in ["position", "cursor"] {
        let place = theirs[name].as_str().expect("a place");
        own.sees_its_own(&other, &own.read("/api/v1/events", &[("as_of", place)]).await);
        let after = own.read("/api/v1/events", &[("after", place)]).await;
        assert_eq!(after.text(), "", "all that is ours came before: {after}");
    }
    let position = &other.visitor.position;
    own.sees_its_own(&other, &own.read(LISTS[0], &[("min_position", position)]).await);
}

#[tokio::test]
async fn a_place_in_anothers_conversation_shows_ones_own() {
    let agent = Stack::shared().await.agent().await;
    let (own, other) = (agent.busy_visitor().await, agent.busy_visitor().await);
    let (mine, theirs) = (unique("mine-"), unique("theirs-"));
    own.ask(&mine).await;
    let answer = other.ask(&theirs).await.message_id;
    let known = other.get("/conversation/messages").await;
    let tag = known.header("etag").expect("a tag");

    let after = own.get(&format!("/conversation/messages?after={answer}")).await;
    let unchanged = own
        .request(Method::GET, "/conversation/messages")
        .header("If-None-Match", tag);

    for read in [after, send(unchanged).await] {
        read.data(200);
        assert!(read.text().contains(&mine) && !read.text().contains(&theirs), "{read}");
    }
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_is_refused() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let places = [
        // Further back than the database can count, and further ahead.
        "-377705116799999999 a",
        "-300000000000000000 a",
        "-1 a",
        "253402300800000000 a",
        "9223372036854775807 a",
        "9223372036854775808 a",
        "1790000000000000 a\0",
        "NaN a",
        "1790000000000000",
    ];
    for path in LISTS {
        let path = path.replace("{agent_id}", &agent.id);
        let path = path.replace("{workspace_id}", &agent.workspace_id);
        for place in places {
            let cursor = URL_SAFE_NO_PAD.encode(place);
            let answer = send(agent.team.query(&path).query(&[("cursor", cursor)])).await;
            assert_eq!(answer.refused_fields(), ["cursor"], "{place:?}");
        }
    }
}
