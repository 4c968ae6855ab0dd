//! A month of visitors: each looks around, asks three questions and is answered, and every fourth leaves an address.

use std::time::{Duration, Instant};

use events::{
    AgentId, ConversationId, LeadId, Log, MessageId, Subject, Timestamp, VisitorId, WorkspaceId,
    cloud_event::Meta,
    conversation::{Citation, ConversationEvent, FinishReason},
    lead::LeadEvent,
    telemetry::{Metadata, TelemetryEvent},
    visitor::VisitorEvent,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

pub(crate) const AGENTS: u64 = 20;
const TELEMETRY_PER_VISITOR: usize = 40;
const CONCURRENCY: usize = 256;
const BEGIN_UNIX_MS: i64 = 1_790_000_000_000;
const MONTH: Duration = Duration::from_hours(30 * 24);

/// What was written, as plain inserts take it.
pub(crate) struct Filled {
    pub(crate) rows: Vec<Row>,
}

/// What one telemetry event says to a read model.
pub(crate) struct Row {
    pub(crate) agent_id: String,
    pub(crate) at: Timestamp,
    pub(crate) event: &'static str,
    pub(crate) rule_id: &'static str,
    pub(crate) page: String,
}

/// Writes `events` telemetry events and what belongs to them.
#[expect(clippy::print_stderr, reason = "it takes a while, and people watch")]
pub(crate) async fn run(log: &Log, events: usize) -> anyhow::Result<Filled> {
    let started = Instant::now();
    let visitors = events.div_ceil(TELEMETRY_PER_VISITOR);
    let step = MONTH / u32::try_from(visitors)?;
    let written = (0..visitors).map(|index| async move {
        let at = Timestamp::from_unix_millis(BEGIN_UNIX_MS).plus(step * u32::try_from(index)?);
        Visit::new(index as u64, at).write(log).await
    });
    let rows: Vec<Vec<Row>> = stream::iter(written).buffered(CONCURRENCY).try_collect().await?;
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    eprintln!(
        "{} telemetry events and the rest written in {:?}",
        rows.len(),
        started.elapsed()
    );
    Ok(Filled { rows })
}

/// One visitor's stay.
pub(crate) struct Visit {
    number: u64,
    at: Timestamp,
    agent_id: AgentId,
    visitor_id: VisitorId,
    conversation_id: ConversationId,
}

impl Visit {
    pub(crate) fn new(number: u64, at: Timestamp) -> Self {
        // A few agents have most of the visitors.
        let agent = (number * number / 7) % (1 + number % AGENTS);
        Self {
            number,
            at,
            agent_id: AgentId::from_bits(u128::from(agent) + 1),
            visitor_id: VisitorId::generate(),
            conversation_id: ConversationId::generate(),
        }
    }

    /// What the visitor does, from the arrival to the address that is left.
    pub(crate) async fn write(&self, log: &Log) -> anyhow::Result<Vec<Row>> {
        let (agent_id, visitor_id) = (self.agent_id, self.visitor_id);
        let meta = meta(self.agent_id);
        log.append(&Subject::Visitor { agent_id, visitor_id }, &self.arrival(), &meta)
            .await?;
        let (telemetry, rows) = self.telemetry(TELEMETRY_PER_VISITOR);
        let (clicks, conversation, talk) = (self.clicks(), self.conversation(), self.talk());
        futures::try_join!(
            log.append(&clicks, &telemetry, &meta),
            log.append(&conversation, &talk, &meta)
        )?;
        if self.number.is_multiple_of(4) {
            let email = format!("visitor{}@example.com", self.number / 2);
            let lead_id = LeadId::derive(b"bench", agent_id, &email);
            let subject = Subject::Lead {
                agent_id,
                visitor_id,
                lead_id,
            };
            log.append(&subject, &[self.lead(&email)], &meta).await?;
        }
        Ok(rows)
    }

    fn arrival(&self) -> [VisitorEvent; 2] {
        let (locale, page_url, at) = (Some("en-GB".to_owned()), Some(page(self.number).into()), self.at);
        [
            VisitorEvent::Arrived {
                locale: locale.clone(),
                page_url: page_url.clone(),
                at,
            },
            VisitorEvent::ConversationStarted {
                conversation_id: self.conversation_id,
                locale,
                page_url,
                at,
            },
        ]
    }

    pub(crate) fn telemetry(&self, count: usize) -> (Vec<TelemetryEvent>, Vec<Row>) {
        const EVENTS: [&str; 5] = ["page.viewed", "scroll", "launcher.opened", "prompt.shown", "cta.click"];
        let one = |index: usize| {
            let choice = self.number + index as u64 * 7;
            let event = EVENTS[usize::try_from(choice % 9).unwrap_or_default() / 2];
            let rule_id = if event == "cta.click" {
                "01KDEM0RVE0000000000000002"
            } else {
                ""
            };
            let recorded = TelemetryEvent::Recorded {
                event: event.to_owned(),
                rule_id: Some(rule_id.to_owned()).filter(|rule_id| !rule_id.is_empty()),
                conversation_id: self.conversation_id,
                page_url: Some(format!("https://shop.example{}?utm_source=mail", page(choice)).into()),
                metadata: serde_json::from_value::<Metadata>(
                    json!({ "variant": "b", "depth": 40, "label": "Price of a weekend" }),
                )
                .ok()
                .map(Into::into),
                at: self.at,
            };
            let row = Row {
                agent_id: self.agent_id.to_string(),
                at: self.at,
                event,
                rule_id,
                page: page(choice),
            };
            (recorded, row)
        };
        (0..count).map(one).unzip()
    }

    pub(crate) const fn clicks(&self) -> Subject {
        Subject::Telemetry {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
        }
    }

    pub(crate) const fn conversation(&self) -> Subject {
        Subject::Conversation {
            agent_id: self.agent_id,
            visitor_id: self.visitor_id,
            conversation_id: self.conversation_id,
        }
    }

    pub(crate) const fn conversation_id(&self) -> ConversationId {
        self.conversation_id
    }

    pub(crate) const fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    fn talk(&self) -> Vec<ConversationEvent> {
        (0..3_u64)
            .flat_map(|turn| {
                let answer_id = MessageId::generate();
                [
                    ConversationEvent::MessagePosted {
                        message_id: MessageId::generate(),
                        answer_id: Some(answer_id),
                        client_message_id: None,
                        content: format!("How long does it take until order {turn} is here?").into(),
                        page_url: None,
                        page_context: None,
                        at: self.at,
                    },
                    ConversationEvent::MessageAnswered {
                        message_id: answer_id,
                        content:
                            "Orders within the country take two days; others up to two weeks, as the carrier says. "
                                .repeat(4)
                                .into(),
                        citations: vec![Citation {
                            id: 1,
                            url: "https://shop.example/shipping".to_owned(),
                            title: Some("Shipping".to_owned()),
                            snippet: None,
                        }],
                        low_confidence: (self.number + turn).is_multiple_of(9),
                        finish_reason: FinishReason::Complete,
                        answerer: "extractive".to_owned(),
                        usage: None,
                        first_token_ms: Some(12),
                        at: self.at,
                    },
                ]
            })
            .collect()
    }

    fn lead(&self, email: &str) -> LeadEvent {
        LeadEvent::Captured {
            conversation_id: self.conversation_id,
            email: email.into(),
            name: Some("Alex Example".into()),
            phone: None,
            fields: [("trip".to_owned(), json!("Skye").into())].into(),
            consent: None,
            at: self.at,
        }
    }
}

/// A tenant has a few agents.
pub(crate) fn meta(agent_id: AgentId) -> Meta {
    Meta {
        workspace_id: Some(WorkspaceId::from_bits(agent_id.bits() / 3 + 1)),
        ..Meta::default()
    }
}

fn page(choice: u64) -> String {
    format!("/guides/{}", choice % 8)
}
