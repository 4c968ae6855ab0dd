//! A visitor never sees or touches another's conversation, on any route of the widget: not that of a visitor of the same
//! site, nor of another customer's. The routes are those that the API describes, so that a new one fails here until it has a
//! case.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Agent, Sse, Stack, Visitor, described, http, jwt, send, unique};

/// What a stranger gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// 404 `message_not_found`.
    Nothing,
    /// 403 `forbidden`, whether there is such a conversation or not.
    Refused,
    /// Its own, or an effect on its own.
    ItsOwn,
    /// A stream without an end, of what happens in its own.
    Listens,
}
use Gets::{ItsOwn, Listens, Nothing, Refused};

/// In an order in which a visitor can do them all.
const CASES: &[(&str, Gets)] = &[
    ("POST /widget/init", ItsOwn),
    ("POST /widget/messages", ItsOwn),
    ("POST /widget/messages/stream", ItsOwn),
    ("GET /widget/messages/{message_id}/stream", Nothing),
    ("POST /widget/messages/{message_id}/stop", Nothing),
    ("POST /widget/messages/{message_id}/feedback", Nothing),
    ("GET /widget/conversation", ItsOwn),
    ("GET /widget/conversation/messages", ItsOwn),
    ("GET /widget/conversation/messages?before={message_id}", ItsOwn),
    ("GET /widget/conversations", ItsOwn),
    ("GET /widget/conversation/events", Listens),
    ("POST /broadcasting/auth", Refused),
    ("POST /widget/conversation/request-human", ItsOwn),
    ("POST /widget/conversation/satisfaction", ItsOwn),
    ("POST /widget/conversation/typing", ItsOwn),
    ("POST /widget/leads", ItsOwn),
    ("POST /widget/events", ItsOwn),
    ("GET /widget/me", ItsOwn),
    ("POST /widget/conversation/clear", ItsOwn),
    ("POST /widget/conversation/close", ItsOwn),
    ("DELETE /widget/me", ItsOwn),
];

#[tokio::test]
async fn a_visitor_is_alone_on_every_route() {
    let stack = Stack::shared().await;
    let is_meant = |path: &str| path.contains("/widget/") || path.starts_with("/broadcasting/");
    let routes = described::routes(stack.command_api(), is_meant).await;
    described::assert_cases(&routes, CASES.iter().map(|(case, _)| *case), "strangers.rs");
    let (agent, elsewhere) = (stack.agent().await, stack.agent().await);
    let somebody = Somebody::new(&agent).await;
    let log = somebody.log(&agent).await;

    let api = stack.unlimited().await;

    for (agent, site) in [(&agent, "the same site"), (&elsewhere, "another site")] {
        let stranger = agent.busy_visitor().await;
        for (case, gets) in CASES {
            let request = || somebody.request(case, (api, agent), &stranger);
            if *case != "POST /widget/init" {
                send(request()).await.refusal(401, "unauthorized");
            }
            let authorised = request().bearer_auth(&stranger.token);
            match gets {
                Nothing => drop(send(authorised).await.refusal(404, "message_not_found")),
                Refused => drop(send(authorised).await.refusal(403, "forbidden")),
                ItsOwn => {
                    let answer = send(authorised).await;
                    assert!((200..300).contains(&answer.status), "{answer}");
                    assert!(!somebody.is_told_by(&answer.text()), "from {site}: {answer}");
                }
                Listens => drop(Sse::open(authorised).await.expect("a stream")),
            }
        }
    }
    assert_eq!(
        log,
        somebody.log(&agent).await,
        "nothing happened in the visitor's name"
    );
    assert!(somebody.is_told_by(&somebody.visitor.get("/me").await.data(200).to_string()));
    for (case, _) in CASES.iter().filter(|(_, gets)| matches!(gets, Nothing | Refused)) {
        let own = somebody.request(case, (api, &agent), &somebody.visitor);
        let answer = send(own.bearer_auth(&somebody.visitor.token)).await;
        assert!(
            (200..300).contains(&answer.status),
            "it is there for whose it is: {answer}"
        );
    }
}

#[tokio::test]
async fn a_visitors_token_is_good_on_its_own_site_and_a_teams_on_none() {
    let stack = Stack::shared().await;
    let (agent, elsewhere) = (stack.agent().await, stack.agent().await);
    let api = stack.unlimited().await;
    let somebody = Somebody::new(&agent).await;
    let team = jwt::operator("robin", &agent.workspace_id, "read write admin");
    let mut misled = somebody.visitor.clone();
    misled.origin.clone_from(&elsewhere.origin);
    for (case, _) in CASES {
        let request = somebody.request(case, (api, &agent), &misled);
        send(request.bearer_auth(&misled.token))
            .await
            .refusal(403, "origin_forbidden");
        if case.contains("/widget/") && *case != "POST /widget/init" {
            let request = somebody.request(case, (api, &agent), &somebody.visitor);
            send(request.bearer_auth(&team)).await.refusal(401, "unauthorized");
        }
    }
}

/// A visitor with a conversation.
struct Somebody {
    visitor: Visitor,
    message_id: String,
    secrets: Vec<String>,
}

impl Somebody {
    async fn new(agent: &Agent) -> Self {
        let (visitor, question) = (agent.busy_visitor().await, unique("private-question-"));
        let message_id = visitor.ask(&question).await.message_id;
        visitor
            .post("/leads", &json!({ "email": format!("{question}@example.com") }))
            .await
            .expect(201);
        let secrets = vec![
            visitor.visitor_id.clone(),
            visitor.conversation_id.clone(),
            visitor.anonymous_id.clone(),
            question,
        ];
        Self {
            visitor,
            message_id,
            secrets,
        }
    }

    fn is_told_by(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret))
    }

    /// What the log holds of the visitor.
    async fn log(&self, agent: &Agent) -> Vec<Value> {
        let all = agent.log().await.into_iter();
        let own = all.filter(|event| event["visitorid"] == self.visitor.visitor_id.as_str());
        own.map(|mut event| {
            // It says how far all partitions are, and others write there.
            event["cursor"].take();
            event
        })
        .collect()
    }

    /// A request that names this visitor's message or conversation where one can be named, from the browser of `asker`, on a
    /// site of `agent`'s, without a token.
    fn request(&self, case: &str, (api, agent): (&str, &Agent), asker: &Visitor) -> RequestBuilder {
        let (method, path) = case.split_once(' ').expect("a method and a path");
        let path = described::whole(&path.replace("{message_id}", &self.message_id));
        let method: Method = method.parse().expect("a method");
        let request = http::client()
            .request(method, format!("{api}{path}"))
            .header("Origin", &asker.origin);
        let body = match case {
            "POST /widget/init" => agent.init_body(),
            "POST /widget/messages" | "POST /widget/messages/stream" => json!({ "message": "What is it?" }),
            "POST /widget/messages/{message_id}/feedback" => json!({ "rating": "up" }),
            "POST /widget/conversation/satisfaction" => json!({ "rating": "good" }),
            "POST /widget/leads" => json!({ "email": format!("{}@example.com", unique("stranger-")) }),
            "POST /widget/events" => json!({ "event": "cta.click" }),
            "POST /broadcasting/auth" => {
                let channel = format!("private-conversation.{}", self.visitor.conversation_id);
                json!({ "socket_id": "123.456", "channel_name": channel })
            }
            _ => return request,
        };
        request.json(&body)
    }
}
