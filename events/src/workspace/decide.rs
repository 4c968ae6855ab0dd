//! A workspace is what it was last defined as.

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{WorkspaceDefinition, WorkspaceEvent};
use crate::Timestamp;

/// The definition in force, if there is one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Workspace {
    definition: Option<WorkspaceDefinition>,
}

/// What an operator does.
#[derive(Debug, Clone)]
pub enum Command {
    /// Define it; the same definition again changes nothing.
    Define {
        definition: WorkspaceDefinition,
        at: Timestamp,
    },
}

/// Definitions are checked before they get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

impl Workspace {
    /// The definition in force.
    pub const fn definition(&self) -> Option<&WorkspaceDefinition> {
        self.definition.as_ref()
    }
}

impl Aggregate for Workspace {
    const TYPE: &'static str = "workspace";
    type Command = Command;
    type Event = WorkspaceEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        let Command::Define { definition, at } = command;
        if self.definition.as_ref() != Some(&definition) {
            sink.write(WorkspaceEvent::Defined { definition, at }, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, WorkspaceEvent::Defined { definition, .. }: WorkspaceEvent) {
        self.definition = Some(definition);
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    #[test]
    fn the_last_definition_is_in_force() {
        let mut workspace = Workspace::default();
        assert_eq!(workspace.definition(), None);
        for quota in [10, 20] {
            workspace.apply(defined(quota));
        }
        assert_eq!(workspace.definition(), Some(&definition(20)));
    }

    #[test]
    fn the_same_definition_again_changes_nothing() {
        given(vec![]).when(define(10)).then_expect_events(vec![defined(10)]);
        given(vec![defined(10)]).when(define(10)).then_expect_events(vec![]);
        given(vec![defined(10)])
            .when(define(20))
            .then_expect_events(vec![defined(20)]);
    }

    fn given(events: Vec<WorkspaceEvent>) -> cqrs_es::test::AggregateTestExecutor<Workspace> {
        TestFramework::with(()).given(events)
    }

    fn define(monthly_conversations: u64) -> Command {
        let definition = definition(monthly_conversations);
        let at = Timestamp::from_unix_millis(0);
        Command::Define { definition, at }
    }

    fn defined(monthly_conversations: u64) -> WorkspaceEvent {
        let definition = definition(monthly_conversations);
        let at = Timestamp::from_unix_millis(0);
        WorkspaceEvent::Defined { definition, at }
    }

    fn definition(monthly_conversations: u64) -> WorkspaceDefinition {
        WorkspaceDefinition {
            name: "Acme".to_owned(),
            monthly_conversations,
        }
    }
}
