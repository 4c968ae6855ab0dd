//! A visitor never sees or touches another's conversation, on any route of the widget: not that of a visitor of the same
//! site, nor of another customer's. The routes are those that the API describes, so that a new one fails here until it has a
//! case.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Agent, Stack, Visitor, described, jwt, send, unique};

/// What a stranger gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// 404 `message_not_found`.
    Nothing,
    /// Its own, or an effect on its own.
    ItsOwn,
}
use Gets::{ItsOwn, Nothing};

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
    let routes = described::routes(stack.command_api(), |path| path.contains("/widget/")).await;
    described::assert_cases(&routes, CASES.iter().map(|(case, _)| *case), "strangers.rs");
    let (agent, elsewhere) = (stack.agent().await, stack.agent().await);
    let somebody = Somebody::new(&agent).await;
    let log = somebody.log(&agent).await;

    for (agent, site) in [(&agent, "the same site"), (&elsewhere, "another site")] {
        let stranger = agent.busy_visitor().await;
        for (case, gets) in CASES {
            let request = || request(&stranger, case, (agent, &somebody.message_id));
            if *case != "POST /widget/init" {
                asks_for_a_visitors_token(request, agent).await;
            }
            let answer = send(request().bearer_auth(&stranger.token)).await;
            match gets {
                Nothing => drop(answer.refusal(404, "message_not_found")),
                ItsOwn => {
                    assert!((200..300).contains(&answer.status), "{answer}");
                    assert!(!somebody.is_told_by(&answer.text()), "from {site}: {answer}");
                }
            }
        }
    }
    assert_eq!(
        log,
        somebody.log(&agent).await,
        "nothing happened in the visitor's name"
    );
    assert!(somebody.is_told_by(&somebody.visitor.get("/me").await.data(200).to_string()));
    for (case, _) in CASES.iter().filter(|(case, _)| case.contains("{message_id}")) {
        let own = request(&somebody.visitor, case, (&agent, &somebody.message_id));
        let answer = send(own.bearer_auth(&somebody.visitor.token)).await;
        assert!(
            (200..300).contains(&answer.status),
            "it is there for whose it is: {answer}"
        );
    }
}

#[tokio::test]
async fn a_token_is_worth_nothing_on_another_customers_site() {
    let stack = Stack::shared().await;
    let (agent, elsewhere) = (stack.agent().await, stack.agent().await);
    let (mut visitor, message_id) = (agent.busy_visitor().await, unique(""));
    visitor.origin.clone_from(&elsewhere.origin);
    for (case, _) in CASES {
        let request = request(&visitor, case, (&agent, &message_id));
        send(request.bearer_auth(&visitor.token))
            .await
            .refusal(403, "origin_forbidden");
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
        all.filter(|event| event["visitorid"] == self.visitor.visitor_id.as_str())
            .collect()
    }
}

/// A request of `visitor`'s browser that names somebody's message where one can be named, without a token.
fn request(visitor: &Visitor, case: &str, (agent, message_id): (&Agent, &str)) -> RequestBuilder {
    let (method, path) = case.split_once(" /widget").expect("a method and a path");
    let method: Method = method.parse().expect("a method");
    let path = path.replace("{message_id}", message_id);
    let request = visitor.anonymous(method, &path).header("Origin", &visitor.origin);
    let body = match case {
        "POST /widget/init" => agent.init_body(),
        "POST /widget/messages" | "POST /widget/messages/stream" => json!({ "message": "What is it?" }),
        "POST /widget/messages/{message_id}/feedback" => json!({ "rating": "up" }),
        "POST /widget/conversation/satisfaction" => json!({ "rating": "good" }),
        "POST /widget/leads" => json!({ "email": format!("{}@example.com", unique("stranger-")) }),
        "POST /widget/events" => json!({ "event": "cta.click" }),
        _ => return request,
    };
    request.json(&body)
}

/// Without a token, and with one of the site's own team.
async fn asks_for_a_visitors_token(request: impl Fn() -> RequestBuilder, agent: &Agent) {
    send(request()).await.refusal(401, "unauthorized");
    let team = jwt::operator("robin", &agent.workspace_id, "read write admin");
    send(request().bearer_auth(team)).await.refusal(401, "unauthorized");
}
