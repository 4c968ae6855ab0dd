//! Agents in memory.

use events::{
    AgentId, DocumentId, Subject, WorkspaceId,
    agent::{Agent, AgentDefinition, Command},
    cloud_event::Meta,
    directory::Directory,
    document::DocumentEvent,
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

#[tokio::test]
async fn an_agent_that_was_defined_a_moment_ago_is_found_whatever_came_after_it() {
    let Bench { log, nats } = Bench::start().await;
    let elsewhere = Directory::follow(&connect(&nats).await).await.expect("a directory");
    for number in 1..=20 {
        let agent_id = AgentId::from_bits(number);
        define(&log, agent_id, "Aria").await;
        put_page(&log, agent_id).await;

        let found = elsewhere.find_agent(agent_id).await.expect("the log is asked");

        assert_eq!(found.expect("the agent").name, "Aria");
    }
    assert_eq!(
        elsewhere
            .find_agent(AgentId::from_bits(21))
            .await
            .expect("the log is asked"),
        None
    );
}

async fn put_page(log: &events::Log, agent_id: AgentId) {
    let url = "https://shop.example/".to_owned();
    let subject = Subject::Document {
        agent_id,
        document_id: DocumentId::derive(agent_id, &url),
    };
    let page = DocumentEvent::Put {
        url,
        title: "Home".to_owned(),
        text: "Welcome.".to_owned(),
        at: now(),
        crawled: None,
    };
    log.append(&subject, &[page], &Meta::default()).await.expect("put");
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
