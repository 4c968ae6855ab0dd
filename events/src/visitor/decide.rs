//! Which conversation a visitor is in, and when a visitor is forgotten.

use std::time::Duration;

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{SequenceRange, VisitorEvent};
use crate::{ConversationId, Personal, ReceiptId, Timestamp};

/// An open conversation is resumed this long after its last message.
pub const RESUME_WINDOW: Duration = Duration::from_hours(24);

/// Conversations a visitor's state remembers; older ones stay in the log and in the read models.
const REMEMBERED_CONVERSATIONS: usize = 100;

/// What is known of one visitor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Visitor {
    arrived: bool,
    /// Oldest first.
    conversations: Vec<StartedConversation>,
}

/// A conversation of this visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedConversation {
    pub conversation_id: ConversationId,
    pub started_at: Timestamp,
}

/// What a visitor does that is not said in a conversation.
#[derive(Debug, Clone)]
pub enum Command {
    /// Be known. Nothing when the visitor came before.
    Arrive {
        locale: Option<String>,
        page_url: Option<Personal<String>>,
        at: Timestamp,
    },
    /// Begin a conversation after `latest`, the newest one that the caller saw. When another init began one meanwhile,
    /// nothing happens: two racing inits meet in the same conversation.
    StartConversation {
        conversation_id: ConversationId,
        latest: Option<ConversationId>,
        locale: Option<String>,
        page_url: Option<Personal<String>>,
        at: Timestamp,
    },
    /// Be forgotten; `removed` is what will be purged.
    Erase {
        receipt_id: ReceiptId,
        removed: Vec<SequenceRange>,
        at: Timestamp,
    },
}

/// A visitor's commands are never refused: a repeat yields no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

impl Visitor {
    /// The conversation that began last.
    pub fn latest_conversation(&self) -> Option<StartedConversation> {
        self.conversations.last().copied()
    }

    /// The visitor's conversations, newest first; at most the last hundred.
    pub fn conversations(&self) -> impl Iterator<Item = StartedConversation> {
        self.conversations.iter().rev().copied()
    }

    fn decide(&self, command: Command) -> Vec<VisitorEvent> {
        match command {
            Command::Arrive { .. } if self.arrived => vec![],
            Command::Arrive { locale, page_url, at } => vec![VisitorEvent::Arrived { locale, page_url, at }],
            Command::StartConversation { latest, .. }
                if self.latest_conversation().map(|started| started.conversation_id) != latest =>
            {
                vec![]
            }
            Command::StartConversation {
                conversation_id,
                locale,
                page_url,
                at,
                ..
            } => {
                vec![VisitorEvent::ConversationStarted {
                    conversation_id,
                    locale,
                    page_url,
                    at,
                }]
            }
            Command::Erase {
                receipt_id,
                removed,
                at,
            } => vec![VisitorEvent::Erased {
                receipt_id,
                removed,
                at,
            }],
        }
    }
}

impl Aggregate for Visitor {
    const TYPE: &'static str = "visitor";
    type Command = Command;
    type Event = VisitorEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        for event in self.decide(command) {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: VisitorEvent) {
        match event {
            VisitorEvent::Arrived { .. } => self.arrived = true,
            VisitorEvent::ConversationStarted {
                conversation_id, at, ..
            } => {
                self.conversations.push(StartedConversation {
                    conversation_id,
                    started_at: at,
                });
                let surplus = self.conversations.len().saturating_sub(REMEMBERED_CONVERSATIONS);
                self.conversations.drain(..surplus);
            }
            VisitorEvent::Erased { .. } => *self = Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    const FIRST: ConversationId = ConversationId::from_bits(1);
    const SECOND: ConversationId = ConversationId::from_bits(2);

    #[test]
    fn a_visitor_arrives_once() {
        given([]).when(arrive()).then_expect_events(vec![arrived()]);
        given([arrived()]).when(arrive()).then_expect_events(vec![]);
    }

    #[test]
    fn of_two_racing_inits_one_starts_the_conversation() {
        given([arrived()])
            .when(start(FIRST, None))
            .then_expect_events(vec![started(FIRST)]);
        given([arrived(), started(FIRST)])
            .when(start(SECOND, None))
            .then_expect_events(vec![]);
    }

    #[test]
    fn a_new_conversation_follows_the_one_that_was_seen() {
        given([arrived(), started(FIRST)])
            .when(start(SECOND, Some(FIRST)))
            .then_expect_events(vec![started(SECOND)]);
    }

    #[test]
    fn the_last_hundred_conversations_are_remembered_newest_first() {
        let mut visitor = Visitor::default();
        for id in 1..=120 {
            visitor.apply(started(ConversationId::from_bits(id)));
        }
        let ids: Vec<u128> = visitor
            .conversations()
            .map(|started| started.conversation_id.bits())
            .collect();
        assert_eq!(ids, (21..=120).rev().collect::<Vec<_>>());
    }

    #[test]
    fn an_erased_visitor_is_a_stranger() {
        let erased = VisitorEvent::Erased {
            receipt_id: ReceiptId::from_bits(9),
            removed: vec![],
            at: now(),
        };
        given([arrived(), started(FIRST), erased])
            .when(arrive())
            .then_expect_events(vec![arrived()]);
    }

    #[test]
    fn neighbouring_sequences_are_one_range() {
        let ranges = SequenceRange::from_sequences([3, 4, 5, 9]);
        assert_eq!(
            ranges,
            [SequenceRange { first: 3, last: 5 }, SequenceRange { first: 9, last: 9 }]
        );
    }

    fn given(events: impl Into<Vec<VisitorEvent>>) -> cqrs_es::test::AggregateTestExecutor<Visitor> {
        TestFramework::with(()).given(events.into())
    }

    fn arrive() -> Command {
        Command::Arrive {
            locale: None,
            page_url: None,
            at: now(),
        }
    }

    fn arrived() -> VisitorEvent {
        VisitorEvent::Arrived {
            locale: None,
            page_url: None,
            at: now(),
        }
    }

    fn start(conversation_id: ConversationId, latest: Option<ConversationId>) -> Command {
        Command::StartConversation {
            conversation_id,
            latest,
            locale: None,
            page_url: None,
            at: now(),
        }
    }

    fn started(conversation_id: ConversationId) -> VisitorEvent {
        VisitorEvent::ConversationStarted {
            conversation_id,
            locale: None,
            page_url: None,
            at: now(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}
