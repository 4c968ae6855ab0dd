//! A token of one workspace never sees another's data, on any route that operators have: not found, not forbidden. The
//! routes are those that the APIs describe, so that a new one fails here until it has a case.

use events::{AgentId, ConversationId, ReceiptId, WorkspaceId};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Agent, Operator, Stack, described, http, jwt, send, unique, until};

/// What another's token gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// 404, as for something that never was.
    Nothing,
    /// The same kind of thing, of its own.
    ItsOwn,
    /// What is nobody's, and everybody's.
    TheSame,
}
use Gets::{ItsOwn, Nothing, TheSame};

const READS: &[(&str, Gets)] = &[
    ("GET /agents", ItsOwn),
    ("GET /agents/{agent_id}/conversations", Nothing),
    ("GET /agents/{agent_id}/leads", Nothing),
    ("GET /agents/{agent_id}/leads?format=csv", Nothing),
    ("GET /agents/{agent_id}/insights", Nothing),
    ("GET /agents/{agent_id}/telemetry", Nothing),
    ("GET /agents/{agent_id}/documents", Nothing),
    ("GET /agents/{agent_id}/knowledge", Nothing),
    ("GET /agents/{agent_id}/gaps", Nothing),
    ("GET /workspaces/{workspace_id}/conversations", Nothing),
    ("GET /workspaces/{workspace_id}/usage", Nothing),
    ("GET /conversations/{conversation_id}", Nothing),
    ("GET /erasures/{receipt_id}", Nothing),
    ("GET /events", ItsOwn),
    ("GET /events?agent_id={agent_id}", Nothing),
    ("GET /projections", TheSame),
    ("GET /schemas", TheSame),
    ("GET /schemas/{type}", TheSame),
];

/// In an order in which the owner can do them all.
const COMMANDS: &[(&str, Gets)] = &[
    ("GET /workspaces/{workspace_id}", Nothing),
    ("GET /agents/{agent_id}", Nothing),
    ("GET /agents/{agent_id}/versions", Nothing),
    ("GET /agents/{agent_id}/versions/{version}", Nothing),
    ("POST /agents/{agent_id}/check", Nothing),
    ("PUT /workspaces/{workspace_id}", Nothing),
    ("PUT /agents/{agent_id}", Nothing),
    ("PUT /agents/{agent_id}/documents", Nothing),
    ("GET /agents/{agent_id}/documents?url={url}", Nothing),
    ("POST /conversations/{conversation_id}/claim", Nothing),
    ("POST /conversations/{conversation_id}/typing", Nothing),
    ("POST /conversations/{conversation_id}/reply", Nothing),
    ("POST /conversations/{conversation_id}/release", Nothing),
    ("POST /conversations/{conversation_id}/close", Nothing),
    ("DELETE /agents/{agent_id}/documents?url={url}", Nothing),
    ("POST /broadcasting/auth", Nothing),
];

#[tokio::test]
async fn what_is_anothers_does_not_exist_on_any_route() {
    let stack = Stack::shared().await;
    let (own, other) = (
        Tenant::new(&stack.agent().await).await,
        Tenant::new(&stack.agent().await).await,
    );
    let apis = [(stack.read_api(), READS), (stack.command_api(), COMMANDS)];
    let log = positions(&replay(&other.agent.team).await);
    for (api, cases) in apis {
        // A socket by itself hears nothing: what it may listen to is said by /broadcasting/auth.
        let is_meant = |path: &str| !path.contains("/widget/") && !path.starts_with("/app/");
        let routes = described::routes(api, is_meant).await;
        described::assert_cases(&routes, cases.iter().map(|(case, _)| *case), "tenants.rs");
        for (case, gets) in cases {
            let route = Route { api, case };
            route.asks_for_a_token(&other).await;
            route.gives(*gets, &own, &other).await;
        }
    }
    assert_eq!(
        log,
        positions(&replay(&other.agent.team).await),
        "nothing was written in the other's name"
    );

    // All of these are questions that the owner may ask, or nothing would be proven.
    for (api, cases) in apis {
        for (case, gets) in cases {
            let route = Route { api, case };
            until(case, async || {
                let answer = send(route.request(&other.names, &other.agent).bearer_auth(other.token(ALL))).await;
                let is_answered = (200..300).contains(&answer.status);
                let is_it = *gets != ItsOwn || other.is_told_by(&answer.text());
                if is_answered && is_it {
                    Ok(())
                } else {
                    Err(answer.to_string())
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_replay_holds_ones_own_workspace_only() {
    let stack = Stack::shared().await;
    let (own, other) = (stack.agent().await, stack.agent().await);
    let mine = own.visitor().await;
    let theirs = other.visitor().await;
    let whole = replay(&own.team).await;
    assert!(whole.contains(&mine.visitor_id));
    assert!(!whole.contains(&theirs.visitor_id));
    for line in whole.lines() {
        let event: Value = serde_json::from_str(line).expect("a CloudEvent");
        assert_eq!(event["workspaceid"], own.workspace_id.as_str(), "{line}");
    }
    let all = replay(&stack.root()).await;
    assert!(all.contains(&mine.visitor_id) && all.contains(&theirs.visitor_id));
}

async fn replay(team: &Operator) -> String {
    send(team.query("/api/v1/events")).await.expect(200).text()
}

/// What stays of the lines: a cursor also says how far the log has been read.
fn positions(lines: &str) -> Vec<Value> {
    let events = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a CloudEvent"));
    events.map(|event| event["position"].clone()).collect()
}

const ALL: &str = "read write admin";

/// Something of every kind, and everything that is secret about it.
struct Tenant {
    agent: Agent,
    names: Names,
    secrets: Vec<String>,
}

/// What stands for `{agent_id}` and the like.
type Names = Vec<(&'static str, String)>;

impl Tenant {
    async fn new(agent: &Agent) -> Self {
        agent
            .teach("/private", "Private", "Nobody else may know of this page.")
            .await;
        let question = unique("private-question-");
        let (visitor, forgotten) = (agent.visitor().await, agent.visitor().await);
        visitor.ask(&question).await;
        visitor
            .post("/leads", &json!({ "email": format!("{question}@example.com") }))
            .await
            .expect(201);
        visitor.post("/events", &json!({ "event": question })).await.expect(202);
        let receipt = forgotten.erase().await.data(202);
        Self {
            names: vec![
                ("{agent_id}", agent.id.clone()),
                ("{workspace_id}", agent.workspace_id.clone()),
                ("{conversation_id}", visitor.conversation_id.clone()),
                (
                    "{receipt_id}",
                    receipt["receipt_id"].as_str().expect("a receipt").to_owned(),
                ),
                ("{url}", agent.page("/private")),
                ("{version}", "1".to_owned()),
                ("{type}", "diagent.message.posted".to_owned()),
            ],
            secrets: vec![
                agent.id.clone(),
                agent.workspace_id.clone(),
                visitor.visitor_id,
                question,
            ],
            agent: agent.clone(),
        }
    }

    /// A token of the workspace with these scopes.
    fn token(&self, scopes: &str) -> String {
        jwt::operator("robin", &self.agent.workspace_id, scopes)
    }

    fn is_told_by(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret))
    }
}

/// Names of nothing.
fn nowhere() -> Names {
    vec![
        ("{agent_id}", AgentId::generate().to_string()),
        ("{workspace_id}", WorkspaceId::generate().to_string()),
        ("{conversation_id}", ConversationId::generate().to_string()),
        ("{receipt_id}", ReceiptId::generate().to_string()),
        ("{version}", "1".to_owned()),
        ("{url}", "https://nowhere.example/".to_owned()),
    ]
}

/// A case of the table, at one of the APIs.
#[derive(Clone, Copy)]
struct Route<'a> {
    api: &'a str,
    case: &'a str,
}

impl Route<'_> {
    /// The request for what `names` name, as the team of `asker` would make it, without a token.
    fn request(self, names: &Names, asker: &Agent) -> RequestBuilder {
        let (method, path) = self.case.split_once(' ').expect("a method and a path");
        let path = names
            .iter()
            .fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        let method: Method = method.parse().expect("a method");
        let request = http::client().request(method, format!("{}{}", self.api, described::whole(&path)));
        let body = match self.case {
            "PUT /workspaces/{workspace_id}" => json!({ "name": "A shop", "monthly_conversations": 7 }),
            "PUT /agents/{agent_id}" | "POST /agents/{agent_id}/check" => asker.fields.clone(),
            "PUT /agents/{agent_id}/documents" => {
                json!({ "url": asker.page("/private"), "title": "Another title", "text": "Another text." })
            }
            "POST /conversations/{conversation_id}/reply" => json!({ "content": "How can I help?" }),
            "POST /broadcasting/auth" => {
                let conversation = names.iter().find(|(name, _)| *name == "{conversation_id}");
                let (_, id) = conversation.expect("a conversation");
                json!({ "socket_id": "123.456", "channel_name": format!("private-conversation.{id}") })
            }
            _ => return request,
        };
        request.json(&body)
    }

    /// Without a token, with a broken one, and with one of the right workspace that lacks the scope.
    async fn asks_for_a_token(self, of: &Tenant) {
        let request = || self.request(&of.names, &of.agent);
        send(request()).await.refusal(401, "unauthorized");
        send(request().bearer_auth("a.b.c")).await.refusal(401, "unauthorized");
        let all_but_it = match self.case {
            case if case.starts_with("GET") || case.contains("/broadcasting/") => "write admin",
            case if case.contains("/conversations/") => "read admin",
            _ => "read write",
        };
        send(request().bearer_auth(of.token(all_but_it)))
            .await
            .refusal(403, "forbidden");
    }

    /// What `own` gets of `other`.
    async fn gives(self, gets: Gets, own: &Tenant, other: &Tenant) {
        let ask = async |names| send(self.request(names, &own.agent).bearer_auth(own.token(ALL))).await;
        let answer = ask(&other.names).await;
        match gets {
            Nothing => {
                let refused = answer.refusal(404, self.missing());
                // Where there is nothing, something new may be put.
                if !self.case.starts_with("PUT") && !self.case.ends_with("/check") {
                    let nothing = ask(&nowhere()).await.refusal(404, self.missing());
                    assert_eq!(refused["message"], nothing["message"], "{}", self.case);
                }
            }
            ItsOwn => {
                let told = answer.expect(200).text();
                assert!(
                    own.is_told_by(&told) && !other.is_told_by(&told),
                    "{}: {told}",
                    self.case
                );
            }
            TheSame => assert!(!other.is_told_by(&answer.expect(200).text()), "{}", self.case),
        }
    }

    /// The code for the first thing that the request names.
    fn missing(self) -> &'static str {
        let codes = [
            ("{agent_id}", "agent_not_found"),
            ("{workspace_id}", "workspace_not_found"),
            ("{conversation_id}", "conversation_not_found"),
            ("{receipt_id}", "erasure_not_found"),
            ("/broadcasting/", "conversation_not_found"),
        ];
        let named = codes
            .iter()
            .filter_map(|(name, code)| Some((self.case.find(name)?, *code)));
        named.min().map(|(_, code)| code).expect("it names something")
    }
}
