//! The four roles as four processes on one NATS and one PostgreSQL.

use std::{collections::BTreeSet, time::Duration};

use edge::operator::{Operator, OperatorKey, Scope, ScopeName};
use embedded::testing;
use events::{AgentId, Clock, WorkspaceId};
use serde_json::json;

use crate::support::{Folder, Process, Visitor, client, content, free_addresses, ready, send};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const ORIGIN: &str = "https://shop.example";

/// What all roles are told: their servers, and their secrets.
pub(crate) const fn shared<'a>(nats: &'a str, database: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("NATS_URL", nats),
        ("DATABASE_URL", database),
        ("WIDGET_JWT_SECRET", SECRET),
        ("OPERATOR_JWT_SECRET", SECRET),
    ]
}

#[tokio::test]
async fn the_roles_work_together_as_processes_and_survive_each_others_death() {
    let (nats, database, folder) = (testing::nats().await, testing::database().await, Folder::new("apart"));
    let [command_api, read_api, responder, projector] = free_addresses();
    let own = [
        ("COMMAND_API_ADDR", command_api.as_str()),
        ("READ_API_ADDR", &read_api),
        ("RESPONDER_ADDR", &responder),
        ("PROJECTOR_ADDR", &projector),
    ];
    let environment = [shared(nats.url(), database.url()), own].concat();
    let start = |role: &str| Process::start(&[role], &environment, &folder.path(role));
    let mut processes = ["projector", "read-api", "command-api"].map(start);
    let mut first = start("responder");
    for address in [&command_api, &read_api, &responder, &projector] {
        ready(&format!("http://{address}/readyz")).await;
    }
    let Shop { agent_id, .. } = define(&command_api, &read_api).await;

    let visitor = Visitor::init(&command_api, ORIGIN, json!({ "agent_id": agent_id })).await;
    let lines = visitor.ask("Can I return a lantern?").await;
    assert!(content(&lines).contains("within 30 days"), "{lines:?}");

    first.kill();
    let mut second = start("responder");
    let lines = visitor.ask("Can I return a lantern?").await;
    assert_eq!(
        lines.last().expect("a line")["event"],
        "done",
        "another responder took over"
    );

    for process in processes.iter_mut().chain([&mut second]) {
        let status = process.terminate().await;
        assert!(status.success(), "{status}: {}", process.said());
    }
}

#[tokio::test]
async fn a_role_without_its_settings_says_which_one() {
    let folder = Folder::new("settings");
    let mut process = Process::start(&["command-api"], &[("NATS_URL", "")], &folder.path("log"));
    assert_eq!(process.ended().await.code(), Some(64), "{}", process.said());

    let nats = testing::nats().await;
    let [address] = free_addresses();
    let environment = [
        ("NATS_URL", nats.url()),
        ("COMMAND_API_ADDR", &address),
        ("WIDGET_JWT_SECRET", "short"),
    ];
    let mut process = Process::start(&["command-api"], &environment, &folder.path("short"));
    assert_eq!(process.ended().await.code(), Some(64));
    assert!(
        process.said().contains("WIDGET_JWT_SECRET is shorter than 32 bytes"),
        "{}",
        process.said()
    );
}

/// An agent, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) agent_id: AgentId,
}

/// An agent that knows one page twice over, so that it answers with confidence.
pub(crate) async fn define(command_api: &str, read_api: &str) -> Shop {
    let (workspace_id, agent_id) = (WorkspaceId::generate(), AgentId::generate());
    let token = token();
    let put = |path: String, body| {
        client()
            .put(format!("http://{command_api}/api/v1/{path}"))
            .bearer_auth(&token)
            .json(&body)
    };

    send(put(format!("workspaces/{workspace_id}"), json!({ "name": "A shop" }))).await;
    let agent = json!({ "workspace_id": workspace_id, "name": "Aria", "published": true, "allowed_origins": [ORIGIN] });
    send(put(format!("agents/{agent_id}"), agent)).await;
    for page in ["refunds", "terms"] {
        let text = "# Refunds\n\nYou can return any lantern within 30 days. The refund goes to your card.";
        let body = json!({ "url": format!("{ORIGIN}/{page}"), "title": page, "text": text });
        send(put(format!("agents/{agent_id}/documents"), body)).await;
    }
    let known = || {
        client()
            .get(format!("http://{read_api}/api/v1/agents/{agent_id}/documents"))
            .bearer_auth(&token)
    };
    while send(known()).await["data"]
        .as_array()
        .is_none_or(|pages| pages.len() < 2)
    {
        tokio::task::yield_now().await;
    }
    Shop { workspace_id, agent_id }
}

/// An operator's, for everything.
pub(crate) fn token() -> String {
    token_for(Scope::All)
}

/// An operator's, for everything within the scope.
pub(crate) fn token_for(workspace: Scope) -> String {
    let operator = Operator {
        sub: "test".to_owned(),
        name: None,
        workspace,
        scopes: BTreeSet::from([ScopeName::Admin, ScopeName::Read, ScopeName::Write]),
    };
    let key = OperatorKey::new(SECRET).expect("a key");
    key.mint(&operator, Clock::default().now(), Duration::from_hours(1))
        .expect("a token")
}
