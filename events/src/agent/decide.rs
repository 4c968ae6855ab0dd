//! An agent is what it was last defined as, and stays in its workspace.

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{AgentDefinition, AgentEvent};
use crate::Timestamp;

/// The definition in force, if there is one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Agent {
    definition: Option<Box<AgentDefinition>>,
}

/// What an operator does.
#[derive(Debug, Clone)]
pub enum Command {
    /// Define it; the same definition again changes nothing.
    Define {
        definition: Box<AgentDefinition>,
        at: Timestamp,
    },
}

/// Why a definition is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An agent never moves: its conversations and its quota belong to the workspace.
    #[error("the agent belongs to another workspace")]
    OtherWorkspace,
}

impl Agent {
    /// The definition in force.
    pub fn definition(&self) -> Option<&AgentDefinition> {
        self.definition.as_deref()
    }

    fn decide(&self, Command::Define { definition, at }: Command) -> Result<Vec<AgentEvent>, Refusal> {
        match &self.definition {
            Some(current) if current.workspace_id != definition.workspace_id => Err(Refusal::OtherWorkspace),
            Some(current) if *current == definition => Ok(vec![]),
            _ => Ok(vec![AgentEvent::Defined { definition, at }]),
        }
    }
}

impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    type Command = Command;
    type Event = AgentEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, AgentEvent::Defined { definition, .. }: AgentEvent) {
        self.definition = Some(definition);
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;
    use serde_json::json;

    use super::*;
    use crate::WorkspaceId;

    #[test]
    fn the_last_definition_is_in_force() {
        let mut agent = Agent::default();
        assert_eq!(agent.definition(), None);
        for name in ["Aria", "Bo"] {
            agent.apply(defined(1, name));
        }
        assert_eq!(agent.definition(), Some(&definition(1, "Bo")));
    }

    #[test]
    fn an_agent_is_redefined_within_its_workspace() {
        given([defined(1, "Aria")])
            .when(define(1, "Bo"))
            .then_expect_events(vec![defined(1, "Bo")]);
    }

    #[test]
    fn the_same_definition_again_changes_nothing() {
        given([defined(1, "Aria")])
            .when(define(1, "Aria"))
            .then_expect_events(vec![]);
    }

    #[test]
    fn an_agent_never_moves_to_another_workspace() {
        given([defined(1, "Aria")])
            .when(define(2, "Aria"))
            .then_expect_error(Refusal::OtherWorkspace);
    }

    fn given(events: impl Into<Vec<AgentEvent>>) -> cqrs_es::test::AggregateTestExecutor<Agent> {
        TestFramework::with(()).given(events.into())
    }

    fn define(workspace: u128, name: &str) -> Command {
        Command::Define {
            definition: Box::new(definition(workspace, name)),
            at: Timestamp::from_unix_millis(0),
        }
    }

    fn defined(workspace: u128, name: &str) -> AgentEvent {
        AgentEvent::Defined {
            definition: Box::new(definition(workspace, name)),
            at: Timestamp::from_unix_millis(0),
        }
    }

    fn definition(workspace: u128, name: &str) -> AgentDefinition {
        serde_json::from_value(json!({ "workspace_id": WorkspaceId::from_bits(workspace), "name": name }))
            .expect("a definition")
    }
}
