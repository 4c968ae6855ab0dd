//! A log on a server of its own.

use embedded::testing::{self, TestNats};
use events::{
    AgentId, Clock, ConversationId, Log, MessageId, Subject, Timestamp, VisitorId,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation},
    log::{LogConfig, Receipt},
};

/// A fresh server and a connection to it.
pub struct Bench {
    pub nats: TestNats,
    pub log: Log,
}

impl Bench {
    pub async fn start() -> Self {
        let nats = testing::nats().await;
        let log = connect(&nats).await;
        Self { nats, log }
    }
}

/// Another process's view of the same log.
pub async fn connect(nats: &TestNats) -> Log {
    Log::connect(&config(nats), Clock::default()).await.expect("a log")
}

pub fn config(nats: &TestNats) -> LogConfig {
    LogConfig { nats_url: nats.url().to_owned(), partitions: 2, replicas: 1, role: "test" }
}

pub const AGENT: AgentId = AgentId::from_bits(7);

/// A visitor with one conversation.
#[derive(Clone, Copy)]
pub struct Someone {
    pub visitor_id: VisitorId,
    pub conversation_id: ConversationId,
}

impl Someone {
    pub fn new() -> Self {
        Self { visitor_id: VisitorId::generate(), conversation_id: ConversationId::generate() }
    }

    pub fn visitor(&self) -> Subject {
        Subject::Visitor { agent_id: AGENT, visitor_id: self.visitor_id }
    }

    pub fn conversation(&self) -> Subject {
        Subject::Conversation {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
            conversation_id: self.conversation_id,
        }
    }

    pub fn telemetry(&self) -> Subject {
        Subject::Telemetry { agent_id: AGENT, visitor_id: self.visitor_id }
    }
}

pub fn post(text: &str) -> Command {
    Command {
        at: now(),
        action: Action::PostMessage {
            message_id: MessageId::generate(),
            answer_id: MessageId::generate(),
            client_message_id: None,
            content: text.into(),
            page_url: None,
            page_context: None,
        },
    }
}

pub fn clear() -> Command {
    Command { at: now(), action: Action::Clear }
}

pub async fn run(log: &Log, subject: &Subject, command: Command) -> Receipt<Conversation> {
    log.execute(subject, command, &Meta::default()).await.expect("the command is accepted")
}

pub fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000)
}
