//! Where an event lives: partitions, subjects and positions.
//!
//! `evt.<partition>.<category>.<agent>.<visitor>[.<entity>]` in the stream `EVENTS-<partition>`, and
//! `ctl.<category>.…` in the stream `CONTROL`. Subjects hold ids only, never personal data.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, ConversationId, DocumentId, LeadId, VisitorId, WorkspaceId};

/// One stream of the log: the unit of ordering, of projector parallelism, of erasure and of growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// `EVENTS-<p>`: what visitors did.
    Events(u16),
    /// `CONTROL`: workspaces, agents and their knowledge.
    Control,
}

impl Partition {
    /// The partition of `visitor_id` in a log of `partitions`. A visitor id is already a hash, so its low bits are enough;
    /// this rule can never change for a log that exists.
    pub fn of(visitor_id: VisitorId, partitions: u16) -> Self {
        let remainder = visitor_id.bits() % u128::from(partitions.max(1));
        Self::Events(u16::try_from(remainder).unwrap_or_default())
    }

    /// The name of its `JetStream` stream.
    pub fn stream(self) -> String {
        match self {
            Self::Events(p) => format!("EVENTS-{p}"),
            Self::Control => "CONTROL".to_owned(),
        }
    }

    /// Every partition of a log of `partitions`, CONTROL last.
    pub fn all(partitions: u16) -> impl Iterator<Item = Self> {
        (0..partitions).map(Self::Events).chain([Self::Control])
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(p) => p.fmt(f),
            Self::Control => f.write_str("control"),
        }
    }
}

impl FromStr for Partition {
    type Err = InvalidPosition;
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        match text {
            "control" => Ok(Self::Control),
            number => canonical_number(number).map(Self::Events).ok_or(InvalidPosition),
        }
    }
}

/// Where one event stands: `<partition>:<sequence>`, as in the header `Diagent-Position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The stream.
    pub partition: Partition,
    /// The stream's own sequence, from 1; 0 is before the first event.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.sequence)
    }
}

/// The text is not `<partition>:<sequence>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a position such as 3:1042 or control:7")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (partition, sequence) = text.split_once(':').ok_or(InvalidPosition)?;
        Ok(Self {
            partition: partition.parse()?,
            sequence: canonical_number(sequence).ok_or(InvalidPosition)?,
        })
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A number as we print it: no sign, no leading zero, so that one position has one text.
fn canonical_number<N: FromStr + fmt::Display>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

/// What kind of fact a subject holds. A projection names the categories it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    Visitor,
    Conversation,
    Lead,
    Telemetry,
    Workspace,
    Agent,
    Document,
}

impl Category {
    /// The token in a subject.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Conversation => "conversation",
            Self::Lead => "lead",
            Self::Telemetry => "telemetry",
            Self::Workspace => "workspace",
            Self::Agent => "agent",
            Self::Document => "document",
        }
    }
}

/// The address of one aggregate (or of one visitor's telemetry): one literal subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Visitor {
        agent_id: AgentId,
        visitor_id: VisitorId,
    },
    Conversation {
        agent_id: AgentId,
        visitor_id: VisitorId,
        conversation_id: ConversationId,
    },
    Lead {
        agent_id: AgentId,
        visitor_id: VisitorId,
        lead_id: LeadId,
    },
    Telemetry {
        agent_id: AgentId,
        visitor_id: VisitorId,
    },
    Workspace {
        workspace_id: WorkspaceId,
    },
    Agent {
        agent_id: AgentId,
    },
    Document {
        agent_id: AgentId,
        document_id: DocumentId,
    },
}

impl Subject {
    /// Its category.
    pub const fn category(&self) -> Category {
        match self {
            Self::Visitor { .. } => Category::Visitor,
            Self::Conversation { .. } => Category::Conversation,
            Self::Lead { .. } => Category::Lead,
            Self::Telemetry { .. } => Category::Telemetry,
            Self::Workspace { .. } => Category::Workspace,
            Self::Agent { .. } => Category::Agent,
            Self::Document { .. } => Category::Document,
        }
    }

    /// The agent it belongs to; a workspace belongs to none.
    pub const fn agent_id(&self) -> Option<AgentId> {
        match *self {
            Self::Workspace { .. } => None,
            Self::Visitor { agent_id, .. }
            | Self::Conversation { agent_id, .. }
            | Self::Lead { agent_id, .. }
            | Self::Telemetry { agent_id, .. }
            | Self::Agent { agent_id }
            | Self::Document { agent_id, .. } => Some(agent_id),
        }
    }

    /// The visitor it belongs to, if any.
    pub const fn visitor_id(&self) -> Option<VisitorId> {
        match *self {
            Self::Visitor { visitor_id, .. }
            | Self::Conversation { visitor_id, .. }
            | Self::Lead { visitor_id, .. }
            | Self::Telemetry { visitor_id, .. } => Some(visitor_id),
            Self::Workspace { .. } | Self::Agent { .. } | Self::Document { .. } => None,
        }
    }

    /// The partition it lives in, in a log of `partitions`.
    pub fn partition(&self, partitions: u16) -> Partition {
        self.visitor_id()
            .map_or(Partition::Control, |visitor_id| Partition::of(visitor_id, partitions))
    }

    /// The NATS subject, in a log of `partitions`.
    pub fn text(&self, partitions: u16) -> String {
        let category = self.category().as_str();
        match *self {
            Self::Workspace { workspace_id } => format!("ctl.{category}.{workspace_id}"),
            Self::Agent { agent_id } => format!("ctl.{category}.{agent_id}"),
            Self::Document { agent_id, document_id } => format!("ctl.{category}.{agent_id}.{document_id}"),
            Self::Visitor { agent_id, visitor_id } | Self::Telemetry { agent_id, visitor_id } => {
                format!("evt.{}.{category}.{agent_id}.{visitor_id}", self.partition(partitions))
            }
            Self::Conversation {
                agent_id,
                visitor_id,
                conversation_id: entity,
            } => {
                format!(
                    "evt.{}.{category}.{agent_id}.{visitor_id}.{entity}",
                    self.partition(partitions)
                )
            }
            Self::Lead {
                agent_id,
                visitor_id,
                lead_id: entity,
            } => {
                format!(
                    "evt.{}.{category}.{agent_id}.{visitor_id}.{entity}",
                    self.partition(partitions)
                )
            }
        }
    }

    /// The `source` attribute of its events: the agent, or the workspace where there is none.
    pub fn source(&self) -> String {
        match *self {
            Self::Workspace { workspace_id } => format!("/workspaces/{workspace_id}"),
            Self::Visitor { agent_id, .. }
            | Self::Conversation { agent_id, .. }
            | Self::Lead { agent_id, .. }
            | Self::Telemetry { agent_id, .. }
            | Self::Agent { agent_id }
            | Self::Document { agent_id, .. } => format!("/agents/{agent_id}"),
        }
    }

    /// The `subject` attribute of its events: what the event is about, without where it is kept.
    pub fn attribute(&self) -> String {
        match self {
            Self::Visitor { visitor_id, .. } | Self::Telemetry { visitor_id, .. } => {
                format!("visitor/{visitor_id}")
            }
            Self::Conversation { conversation_id, .. } => format!("conversation/{conversation_id}"),
            Self::Lead { lead_id, .. } => format!("lead/{lead_id}"),
            Self::Workspace { workspace_id } => format!("workspace/{workspace_id}"),
            Self::Agent { agent_id } => format!("agent/{agent_id}"),
            Self::Document { document_id, .. } => format!("document/{document_id}"),
        }
    }
}

/// The text is no subject of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject of the log")]
pub struct InvalidSubject;

impl FromStr for Subject {
    type Err = InvalidSubject;
    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        fn id<I: FromStr>(token: &str) -> Result<I, InvalidSubject> {
            token.parse().map_err(|_| InvalidSubject)
        }
        let mut tokens = [""; 6];
        let mut count = 0;
        for token in text.split('.') {
            *tokens.get_mut(count).ok_or(InvalidSubject)? = token;
            count += 1;
        }
        Ok(match tokens[..count] {
            ["ctl", "workspace", workspace] => Self::Workspace {
                workspace_id: id(workspace)?,
            },
            ["ctl", "agent", agent] => Self::Agent { agent_id: id(agent)? },
            ["ctl", "document", agent, document] => Self::Document {
                agent_id: id(agent)?,
                document_id: id(document)?,
            },
            ["evt", _, "visitor", agent, visitor] => Self::Visitor {
                agent_id: id(agent)?,
                visitor_id: id(visitor)?,
            },
            ["evt", _, "telemetry", agent, visitor] => Self::Telemetry {
                agent_id: id(agent)?,
                visitor_id: id(visitor)?,
            },
            ["evt", _, "conversation", agent, visitor, entity] => Self::Conversation {
                agent_id: id(agent)?,
                visitor_id: id(visitor)?,
                conversation_id: id(entity)?,
            },
            ["evt", _, "lead", agent, visitor, entity] => Self::Lead {
                agent_id: id(agent)?,
                visitor_id: id(visitor)?,
                lead_id: id(entity)?,
            },
            _ => return Err(InvalidSubject),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_subject_survives_its_text(agent: u128, visitor: u128, entity: u128, partitions in 1_u16..64) {
            let (agent_id, visitor_id) = (AgentId::from_bits(agent), VisitorId::from_bits(visitor));
            for subject in [
                Subject::Visitor { agent_id, visitor_id },
                Subject::Telemetry { agent_id, visitor_id },
                Subject::Conversation { agent_id, visitor_id, conversation_id: ConversationId::from_bits(entity) },
                Subject::Lead { agent_id, visitor_id, lead_id: LeadId::from_bits(entity) },
                Subject::Agent { agent_id },
                Subject::Workspace { workspace_id: WorkspaceId::from_bits(entity) },
                Subject::Document { agent_id, document_id: DocumentId::from_bits(entity) },
            ] {
                prop_assert_eq!(subject.text(partitions).parse(), Ok(subject));
            }
        }

        #[test]
        fn one_visitors_events_share_one_partition(visitor: u128, entity: u128, partitions in 1_u16..64) {
            let (agent_id, visitor_id) = (AgentId::from_bits(1), VisitorId::from_bits(visitor));
            let conversation =
                Subject::Conversation { agent_id, visitor_id, conversation_id: ConversationId::from_bits(entity) };
            prop_assert_eq!(
                conversation.partition(partitions),
                Subject::Telemetry { agent_id, visitor_id }.partition(partitions)
            );
        }

        #[test]
        fn a_position_survives_its_text(partition: u16, sequence: u64) {
            let position = Position { partition: Partition::Events(partition), sequence };
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in ".{0,80}") {
            let _: Result<Position, _> = text.parse();
            let _: Result<Subject, _> = text.parse();
        }
    }

    #[test]
    fn the_partition_of_a_visitor_never_changes() {
        assert_eq!(Partition::of(VisitorId::from_bits(0xFF), 8), Partition::Events(7));
        assert_eq!(Partition::of(VisitorId::from_bits(8), 8), Partition::Events(0));
    }

    #[test]
    fn a_position_has_one_spelling() {
        for odd in [
            "",
            ":",
            "1",
            "1:",
            ":1",
            "01:2",
            "1:02",
            "+1:2",
            "1:-2",
            " 1:2",
            "1:2:3",
            "Control:1",
        ] {
            assert_eq!(odd.parse::<Position>(), Err(InvalidPosition), "{odd}");
        }
    }
}
