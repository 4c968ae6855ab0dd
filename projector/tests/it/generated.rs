//! Made-up logs: a few visitors of a few partitions who do everything that can be done, in any order, also what the
//! aggregates would refuse.

use std::collections::BTreeMap;

use events::{
    AgentId, ConversationId, DocumentId, LeadId, LogEvent, MessageId, Partition, Position, ReceiptId, Recorded,
    Subject, Timestamp, VisitorId,
    agent::{AgentDefinition, AgentEvent},
    cloud_event::{Attributes, Meta},
    conversation::{Citation, ClosedBy, ConversationEvent, FinishReason, Operator, Rating, Satisfaction, TokenUsage},
    document::DocumentEvent,
    lead::LeadEvent,
    telemetry::TelemetryEvent,
    visitor::VisitorEvent,
};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{AGENT, WORKSPACE};

/// What is done, by whom, and a choice within it.
pub(crate) type Step = (u8, u8, u8);

/// Steps of a log.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0_u8..20, 0_u8..4, any::<u8>()), 1..most)
}

/// A log that grows; one list of events for each partition.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) partitions: BTreeMap<Partition, Vec<Recorded>>,
    ids: u128,
    /// Messages and open turns by conversation.
    messages: BTreeMap<ConversationId, Vec<MessageId>>,
    turns: BTreeMap<ConversationId, MessageId>,
    /// Of each visitor the last one.
    conversations: BTreeMap<u8, ConversationId>,
}

/// The visitor number `who`, in one of two partitions.
pub(crate) fn visitor_id(who: u8) -> VisitorId {
    VisitorId::from_bits(1_000 + u128::from(who))
}

impl Story {
    pub(crate) fn of(steps: &[Step]) -> Self {
        let mut story = Self::default();
        for (index, step) in steps.iter().enumerate() {
            story.step(
                *step,
                Timestamp::from_unix_millis(1_790_000_000_000 + i64::try_from(index / 3).expect("few")),
            );
        }
        story
    }

    fn step(&mut self, (kind, who, choice): Step, at: Timestamp) {
        match kind {
            0 | 1 => self.start(who, choice, at),
            2..=12 => self.converse((kind, who, choice), at),
            13 | 14 => self.submit(who, choice, at),
            15 => {
                let event = TelemetryEvent::Recorded {
                    event: ["cta.click", "launcher.opened"][usize::from(choice % 2)].to_owned(),
                    rule_id: (choice.is_multiple_of(3)).then(|| "rule".to_owned()),
                    conversation_id: self.conversation(who),
                    page_url: (!choice.is_multiple_of(5))
                        .then(|| format!("https://shop.example/{}?x=1", choice % 4).into()),
                    metadata: None,
                    at,
                };
                self.push(
                    Subject::Telemetry {
                        agent_id: AGENT,
                        visitor_id: visitor_id(who),
                    },
                    LogEvent::Telemetry(event),
                );
            }
            16 => {
                let receipt_id = ReceiptId::from_bits(u128::from(who) * 8 + u128::from(choice % 8));
                let event = VisitorEvent::Erased {
                    receipt_id,
                    removed: vec![],
                    at,
                };
                self.push(
                    Subject::Visitor {
                        agent_id: AGENT,
                        visitor_id: visitor_id(who),
                    },
                    LogEvent::Visitor(event),
                );
            }
            _ => self.know((kind, who, choice), at),
        }
    }

    fn start(&mut self, who: u8, choice: u8, at: Timestamp) {
        let conversation_id = ConversationId::from_bits(self.id());
        self.conversations.insert(who, conversation_id);
        let event = VisitorEvent::ConversationStarted {
            conversation_id,
            locale: (choice.is_multiple_of(2)).then(|| "de".to_owned()),
            page_url: Some("https://shop.example/\0".into()),
            at,
        };
        self.push(
            Subject::Visitor {
                agent_id: AGENT,
                visitor_id: visitor_id(who),
            },
            LogEvent::Visitor(event),
        );
    }

    fn converse(&mut self, (kind, who, choice): Step, at: Timestamp) {
        let conversation_id = self.conversation(who);
        let event = match kind {
            2..=8 => self.say(conversation_id, (kind, choice), at),
            _ => self.steer(conversation_id, (kind, choice), at),
        };
        let subject = Subject::Conversation {
            agent_id: AGENT,
            visitor_id: visitor_id(who),
            conversation_id,
        };
        self.push(subject, LogEvent::Conversation(event));
    }

    /// Questions, answers and what is thought of them.
    fn say(&mut self, conversation_id: ConversationId, (kind, choice): (u8, u8), at: Timestamp) -> ConversationEvent {
        use ConversationEvent as E;
        let some_message = self.some_message(conversation_id, choice);
        let turn = self.some_turn(conversation_id, choice);
        match kind {
            2..=4 => {
                let answer_id = (!choice.is_multiple_of(6)).then(|| MessageId::from_bits(self.id()));
                self.turns
                    .extend(answer_id.map(|answer_id| (conversation_id, answer_id)));
                E::MessagePosted {
                    message_id: self.message(conversation_id),
                    answer_id,
                    client_message_id: None,
                    content: format!("What about {}\0?", choice % 3).into(),
                    page_url: None,
                    page_context: None,
                    at,
                }
            }
            5 | 6 => E::MessageAnswered {
                message_id: turn,
                content: "It is so.".into(),
                citations: vec![Citation {
                    id: 1,
                    url: "https://shop.example/\0".to_owned(),
                    title: None,
                    snippet: None,
                }],
                low_confidence: choice.is_multiple_of(2),
                finish_reason: FinishReason::Complete,
                answerer: "extractive".to_owned(),
                usage: (choice.is_multiple_of(3)).then_some(TokenUsage {
                    prompt_tokens: 10,
                    completion_tokens: 20,
                }),
                first_token_ms: None,
                at,
            },
            7 => E::MessageFailed {
                message_id: turn,
                code: "model_failed".to_owned(),
                reason: "x".to_owned(),
                at,
            },
            _ => E::MessageRated {
                message_id: some_message,
                rating: [None, Some(Rating::Up), Some(Rating::Down)][usize::from(choice % 3)],
                comment: None,
                at,
            },
        }
    }

    /// The team, and the conversation as a whole.
    fn steer(&mut self, conversation_id: ConversationId, (kind, choice): (u8, u8), at: Timestamp) -> ConversationEvent {
        use ConversationEvent as E;
        let operator = Operator {
            id: format!("o{}", choice % 2),
            name: format!("Kim {}", choice % 2),
        };
        match kind {
            9 => E::MessageReplied {
                message_id: self.message(conversation_id),
                content: "Hi".into(),
                operator,
                at,
            },
            10 => match choice % 3 {
                0 => E::Cleared { at },
                1 => E::StopRequested {
                    message_id: self.some_turn(conversation_id, choice),
                    at,
                },
                _ => E::Closed {
                    by: ClosedBy::Visitor,
                    at,
                },
            },
            11 => match choice % 2 {
                0 => E::Claimed { operator, at },
                _ => E::Released { operator, at },
            },
            _ => match choice % 2 {
                0 => E::HumanRequested { reason: None, at },
                _ => E::ConversationRated {
                    rating: Satisfaction::Good,
                    comment: None,
                    at,
                },
            },
        }
    }

    /// One of the conversation's messages, or one that there never was.
    fn some_message(&self, conversation_id: ConversationId, choice: u8) -> MessageId {
        let known = self.messages.get(&conversation_id).map_or(&[][..], Vec::as_slice);
        let some = known.get(usize::from(choice) % (known.len() + 1)).copied();
        some.unwrap_or(MessageId::from_bits(3))
    }

    /// The open turn, mostly.
    fn some_turn(&self, conversation_id: ConversationId, choice: u8) -> MessageId {
        let open = self.turns.get(&conversation_id).copied();
        open.filter(|_| !choice.is_multiple_of(7))
            .unwrap_or_else(|| self.some_message(conversation_id, choice))
    }

    fn submit(&mut self, who: u8, choice: u8, at: Timestamp) {
        let email = format!("lead{}@example.com", choice % 2);
        let lead_id = LeadId::derive(b"key", AGENT, &email);
        let event = LeadEvent::Captured {
            conversation_id: self.conversation(who),
            email: email.into(),
            name: (!choice.is_multiple_of(3)).then(|| format!("Name {choice}\0").into()),
            phone: (choice.is_multiple_of(5)).then(|| format!("+{choice}").into()),
            fields: [(format!("f{}", choice % 3), json!({ "v": choice, "n": "\0" }).into())].into(),
            consent: None,
            at,
        };
        self.push(
            Subject::Lead {
                agent_id: AGENT,
                visitor_id: visitor_id(who),
                lead_id,
            },
            LogEvent::Lead(event),
        );
    }

    fn know(&mut self, (kind, who, choice): Step, at: Timestamp) {
        let agent_id = AgentId::from_bits(u128::from(who % 2) + 1);
        if kind == 17 {
            let language = ["en", "de", "xx"][usize::from(choice % 3)];
            let definition = json!({ "workspace_id": WORKSPACE, "name": "Aria", "language_default": language });
            let definition: AgentDefinition = serde_json::from_value(definition).expect("a definition");
            let event = AgentEvent::Defined {
                definition: Box::new(definition),
                at,
            };
            self.push(Subject::Agent { agent_id }, LogEvent::Agent(event));
            return;
        }
        let url = format!("https://shop.example/{}", choice % 3);
        let document_id = DocumentId::derive(agent_id, &url);
        let event = if kind == 18 || !choice.is_multiple_of(4) {
            let text = format!(
                "# Page\n\nWe ship things {choice}.\n\n## Häuser & more\n\n{}",
                "Houses run. ".repeat(choice.into())
            );
            DocumentEvent::Put {
                url,
                title: "Page".to_owned(),
                text,
                at,
                crawled: None,
            }
        } else {
            DocumentEvent::Removed { url, at }
        };
        self.push(Subject::Document { agent_id, document_id }, LogEvent::Document(event));
    }

    fn conversation(&mut self, who: u8) -> ConversationId {
        let fresh = ConversationId::from_bits(500 + u128::from(who));
        *self.conversations.entry(who).or_insert(fresh)
    }

    fn message(&mut self, conversation_id: ConversationId) -> MessageId {
        let message_id = MessageId::from_bits(self.id());
        self.messages.entry(conversation_id).or_default().push(message_id);
        message_id
    }

    fn id(&mut self) -> u128 {
        self.ids += 1;
        10_000 + self.ids
    }

    fn push(&mut self, subject: Subject, event: LogEvent) {
        let partition = subject.partition(2);
        let events = self.partitions.entry(partition).or_default();
        let position = Position {
            partition,
            sequence: u64::try_from(events.len()).expect("few") + 1,
        };
        let meta = Meta {
            workspace_id: Some(WORKSPACE),
            ..Meta::default()
        };
        let stored_at = Timestamp::from_unix_millis(1_790_000_000_000 + i64::try_from(position.sequence).expect("few"));
        let mut attributes = Attributes::new(&subject, &meta, stored_at);
        attributes.id = events::EventId::from_bits(self.ids);
        events.push(Recorded {
            position,
            subject,
            stored_at,
            attributes,
            event,
        });
    }
}
