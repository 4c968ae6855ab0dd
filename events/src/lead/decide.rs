//! Leads are deduplicated on (agent, e-mail): a repeat updates, and nothing that was submitted is lost.

use std::collections::BTreeMap;

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::LeadEvent;
use crate::{ConversationId, Personal, Timestamp};

/// The submissions of one visitor with one e-mail address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lead {
    submissions: u64,
}

/// What a visitor does with the form.
#[derive(Debug, Clone)]
pub enum Command {
    /// Submit it; `email` is already folded.
    Capture {
        conversation_id: ConversationId,
        email: Personal<String>,
        name: Option<Personal<String>>,
        phone: Option<Personal<String>>,
        fields: BTreeMap<String, Personal<serde_json::Value>>,
        consent: Option<String>,
        at: Timestamp,
    },
}

/// A submission is never refused here: whether its fields fit the agent is checked where the agent is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

/// The form of an e-mail address that two submissions are compared by: without surrounding space, in lower case.
pub fn fold_email(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Lead {
    /// How often this visitor submitted this address.
    pub const fn submissions(&self) -> u64 {
        self.submissions
    }
}

impl Aggregate for Lead {
    const TYPE: &'static str = "lead";
    type Command = Command;
    type Event = LeadEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        let Command::Capture {
            conversation_id,
            email,
            name,
            phone,
            fields,
            consent,
            at,
        } = command;
        sink.write(
            LeadEvent::Captured {
                conversation_id,
                email,
                name,
                phone,
                fields,
                consent,
                at,
            },
            self,
        )
        .await;
        Ok(())
    }

    fn apply(&mut self, LeadEvent::Captured { .. }: LeadEvent) {
        self.submissions += 1;
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    #[test]
    fn case_and_space_do_not_make_another_lead() {
        assert_eq!(fold_email("  Alex@Example.COM "), "alex@example.com");
    }

    #[test]
    fn every_submission_is_kept_and_counts() {
        let captured = LeadEvent::Captured {
            conversation_id: ConversationId::from_bits(1),
            email: "alex@example.com".into(),
            name: None,
            phone: None,
            fields: BTreeMap::new(),
            consent: None,
            at: Timestamp::from_unix_millis(0),
        };
        let capture = Command::Capture {
            conversation_id: ConversationId::from_bits(1),
            email: "alex@example.com".into(),
            name: None,
            phone: None,
            fields: BTreeMap::new(),
            consent: None,
            at: Timestamp::from_unix_millis(0),
        };
        TestFramework::<Lead>::with(())
            .given(vec![captured.clone()])
            .when(capture)
            .then_expect_events(vec![captured.clone()]);
        let mut lead = Lead::default();
        lead.apply(captured.clone());
        lead.apply(captured);
        assert_eq!(lead.submissions(), 2);
    }
}
