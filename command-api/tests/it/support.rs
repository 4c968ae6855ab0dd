//! An instance with a log of its own and without a socket: what it is asked goes straight to its guards or its router.

use std::time::Duration;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, Method, Request, header},
};
use clap::Parser as _;
use command_api::{
    Config,
    app::App,
    guard::{token::Bearer, visitor::Visitor},
};
use edge::{
    Tasks,
    operator::{Operator, Scope, ScopeName},
};
use embedded::testing::{self, TestNats};
use events::{
    AgentId, Clock, ConversationId, Log, MessageId, Position, Subject, VisitorId, WorkspaceId, agent,
    cloud_event::Meta,
    conversation::Action,
    log::LogConfig,
    workspace::{self, WorkspaceDefinition},
};
use serde_json::json;

pub(crate) const AGENT: AgentId = AgentId::from_bits(7);
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId::from_bits(1);
pub(crate) const OTHER_WORKSPACE: WorkspaceId = WorkspaceId::from_bits(2);
pub(crate) const SITE: &str = "https://shop.example";

const SECRETS: [&str; 4] = [
    "--widget-jwt-secret",
    "0123456789abcdef0123456789abcdef",
    "--command-api-operator-jwt-secret",
    "fedcba9876543210fedcba9876543210",
];

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    config: Config,
}

/// An instance whose minute has just begun, and an agent of [`WORKSPACE`] for [`SITE`].
pub(crate) struct Instance {
    pub(crate) nats: TestNats,
    pub(crate) app: App,
}

impl Instance {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings of the command line.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let nats = testing::nats().await;
        let log = log(&nats).await;
        let all = ["command-api"].iter().chain(&SECRETS).chain(arguments);
        let config = Command::parse_from(all).config;
        let app = App::build(config, log, Tasks::new()).await.expect("an instance");
        let instance = Self { nats, app };
        instance.define_agent().await;
        instance.next_minute();
        instance
    }

    /// Moves the clock to the first second of the next minute.
    pub(crate) fn next_minute(&self) {
        let clock = self.app.log.clock();
        let now = clock.now().unix_millis().rem_euclid(60_000);
        clock.advance(Duration::from_millis(60_500 - now.unsigned_abs()));
    }

    /// How many new conversations the workspace may have a month.
    pub(crate) async fn define_workspace(&self, workspace_id: WorkspaceId, monthly_conversations: u64) {
        let definition = WorkspaceDefinition {
            name: "Acme".to_owned(),
            monthly_conversations,
        };
        let at = self.app.now();
        let command = workspace::Command::Define { definition, at };
        let subject = Subject::Workspace { workspace_id };
        let meta = Meta::default();
        let defined = self.app.execute::<workspace::Workspace>(&subject, command, &meta).await;
        self.knows(defined.expect("defined").position).await;
    }

    async fn define_agent(&self) {
        let definition = json!({
            "workspace_id": WORKSPACE, "name": "Aria", "published": true, "allowed_origins": [SITE],
        });
        let command = agent::Command::Define {
            definition: serde_json::from_value(definition).expect("a definition"),
            at: self.app.now(),
        };
        let subject = Subject::Agent { agent_id: AGENT };
        let meta = Meta::default();
        let defined = self.app.execute::<agent::Agent>(&subject, command, &meta).await;
        self.knows(defined.expect("defined").position).await;
    }

    async fn knows(&self, defined: Position) {
        self.app.directory.wait_for(defined.sequence).await.expect("it follows");
    }

    /// A visitor's token.
    pub(crate) fn visitors_token(&self, bearer: Bearer) -> String {
        self.app.widget_keys.issue(bearer, self.app.now()).jwt
    }

    /// Somebody who has begun to talk.
    pub(crate) async fn talking_visitor(&self) -> (Bearer, Visitor) {
        let bearer = somebody();
        let token = self.visitors_token(bearer);
        let visitor: Visitor = self.guard(Method::POST, &token).await.expect("a visitor");
        visitor.act(&self.app, hello()).await.expect("posted");
        (bearer, visitor)
    }

    /// The token of Robin, who may do this in that workspace.
    pub(crate) fn operators_token(&self, workspace: Scope, scopes: &[ScopeName]) -> String {
        let operator = Operator {
            sub: "robin".to_owned(),
            name: Some("Robin".to_owned()),
            workspace,
            scopes: scopes.iter().copied().collect(),
        };
        self.mint(&operator)
    }

    /// Good by the machine's clock: that of the instance is ahead by a minute at most.
    pub(crate) fn mint(&self, operator: &Operator) -> String {
        let minted = self
            .app
            .operators
            .mint(operator, Clock::default().now(), Duration::from_hours(1));
        minted.expect("a token")
    }

    /// What a guard says to a request with this token, from [`SITE`].
    pub(crate) async fn guard<G: FromRequestParts<App>>(&self, method: Method, token: &str) -> Result<G, G::Rejection> {
        let request = Request::builder()
            .method(method)
            .header(header::ORIGIN, SITE)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let (mut parts, _) = request.body(Body::empty()).expect("a request").into_parts();
        G::from_request_parts(&mut parts, &self.app).await
    }
}

/// A log of one partition.
pub(crate) async fn log(nats: &TestNats) -> Log {
    let config = LogConfig {
        nats_url: nats.url().to_owned(),
        partitions: 1,
        replicas: 1,
        role: "test",
    };
    Log::connect(&config, Clock::default()).await.expect("a log")
}

/// Somebody with a conversation.
pub(crate) fn somebody() -> Bearer {
    Bearer {
        agent_id: AGENT,
        visitor_id: VisitorId::generate(),
        conversation_id: ConversationId::generate(),
    }
}

pub(crate) fn hello() -> Action {
    Action::PostMessage {
        message_id: MessageId::generate(),
        answer_id: MessageId::generate(),
        client_message_id: None,
        content: "hello".into(),
        page_url: None,
        page_context: None,
    }
}

/// The headers of a request from [`SITE`] that goes on with a trace.
pub(crate) fn traced() -> HeaderMap {
    let headers = [
        (header::ORIGIN, SITE),
        (
            "traceparent".parse().expect("a name"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ];
    headers
        .into_iter()
        .map(|(name, value)| (name, value.parse().expect("a value")))
        .collect()
}
