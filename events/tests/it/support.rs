//! A log on a server of its own.

use embedded::testing::{self, TestNats};
use events::{
    AgentId, Clock, ConversationId, Log, MessageId, Subject, Timestamp, VisitorId,
    cloud_event::Meta,
    conversation::{Action, Command, Conversation},
    log::{LogConfig, Receipt},
    telemetry::TelemetryEvent,
};

/// A fresh server and a connection to it.
pub(crate) struct Bench {
    pub(crate) nats: TestNats,
    pub(crate) log: Log,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let nats = testing::nats().await;
        let log = connect(&nats).await;
        Self { nats, log }
    }
}

/// Another process's view of the same log.
pub(crate) async fn connect(nats: &TestNats) -> Log {
    Log::connect(&config(nats), Clock::default()).await.expect("a log")
}

pub(crate) fn config(nats: &TestNats) -> LogConfig {
    LogConfig {
        nats_url: nats.url().to_owned(),
        partitions: 2,
        replicas: 1,
        role: "test",
    }
}

pub(crate) const AGENT: AgentId = AgentId::from_bits(7);

/// A visitor with one conversation.
#[derive(Clone, Copy)]
pub(crate) struct Someone {
    pub(crate) visitor_id: VisitorId,
    pub(crate) conversation_id: ConversationId,
}

impl Someone {
    pub(crate) fn new() -> Self {
        Self {
            visitor_id: VisitorId::generate(),
            conversation_id: ConversationId::generate(),
        }
    }

    pub(crate) fn visitor(&self) -> Subject {
        Subject::Visitor {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
        }
    }

    pub(crate) fn conversation(&self) -> Subject {
        Subject::Conversation {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
            conversation_id: self.conversation_id,
        }
    }

    pub(crate) fn telemetry(&self) -> Subject {
        Subject::Telemetry {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
        }
    }
}

pub(crate) fn post(text: &str) -> Command {
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

pub(crate) fn clear() -> Command {
    Command {
        at: now(),
        action: Action::Clear,
    }
}

pub(crate) async fn run(log: &Log, subject: &Subject, command: Command) -> Receipt<Conversation> {
    log.execute(subject, command, &Meta::default())
        .await
        .expect("the command is accepted")
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000)
}

pub(crate) fn recorded(someone: &Someone, event: &str) -> TelemetryEvent {
    let at: Timestamp = now();
    TelemetryEvent::Recorded {
        event: event.to_owned(),
        rule_id: None,
        conversation_id: someone.conversation_id,
        page_url: None,
        metadata: None,
        at,
    }
}
