//! Agents in memory.

use events::{
    AgentId, Subject, WorkspaceId,
    agent::{Agent, AgentDefinition, Command},
    cloud_event::Meta,
    directory::Directory,
};
use serde_json::json;

use crate::support::{AGENT, Bench, connect, now};

#[tokio::test]
async fn a_definition_is_known_everywhere_once_its_sequence_is() {
    let Bench { log, nats } = Bench::start().await;
    let elsewhere = Directory::follow(&connect(&nats).await).await.expect("a directory");
    assert_eq!(elsewhere.agent(AGENT), None);

    let sequence = define(&log, AGENT, "Aria").await;
    elsewhere.wait_for(sequence).await.expect("it follows");

    assert_eq!(elsewhere.agent(AGENT).expect("the agent").name, "Aria");
}

#[tokio::test]
async fn a_directory_that_starts_later_knows_the_last_definitions() {
    let Bench { log, nats: _nats } = Bench::start().await;
    define(&log, AgentId::from_bits(1), "One").await;
    define(&log, AGENT, "Aria").await;
    define(&log, AGENT, "Bo").await;

    let directory = Directory::follow(&log).await.expect("a directory");

    assert_eq!(directory.agent(AGENT).expect("the agent").name, "Bo");
    assert_eq!(directory.agents_of(WorkspaceId::from_bits(1)).len(), 2);
}

async fn define(log: &events::Log, agent_id: AgentId, name: &str) -> u64 {
    let definition: AgentDefinition =
        serde_json::from_value(json!({ "workspace_id": WorkspaceId::from_bits(1), "name": name }))
            .expect("a definition");
    let command = Command::Define {
        definition: Box::new(definition),
        at: now(),
    };
    let receipt = log
        .execute::<Agent>(&Subject::Agent { agent_id }, command, &Meta::default())
        .await
        .expect("defined");
    receipt.position.sequence
}
