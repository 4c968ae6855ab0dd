//! Erasures within a batch: what a visitor did before is as if it had not been, what one does after is a stranger's.

use std::collections::HashMap;

use events::{AgentId, LogEvent, Recorded, VisitorId, visitor::VisitorEvent};

/// The visitors that a batch forgets, and where in it.
#[derive(Debug)]
pub struct Forgotten {
    last: HashMap<(AgentId, VisitorId), usize>,
}

impl Forgotten {
    /// The erasures in `batch`.
    pub fn within(batch: &[Recorded]) -> Self {
        let mut last = HashMap::new();
        for (index, recorded) in batch.iter().enumerate() {
            if let (LogEvent::Visitor(VisitorEvent::Erased { .. }), Some(visitor)) =
                (&recorded.event, visitor(recorded))
            {
                last.insert(visitor, index);
            }
        }
        Self { last }
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Their agents and their ids, side by side, as two arrays of one statement.
    pub fn columns(&self) -> (Vec<String>, Vec<String>) {
        self.last
            .keys()
            .map(|(agent_id, visitor_id)| (agent_id.to_string(), visitor_id.to_string()))
            .unzip()
    }

    /// The events of `batch` that no later erasure in it takes away. Rows are to be deleted before these are applied.
    pub fn surviving<'a>(&self, batch: &'a [Recorded]) -> impl Iterator<Item = &'a Recorded> {
        batch.iter().enumerate().filter_map(|(index, recorded)| {
            let erased_at = visitor(recorded).and_then(|visitor| self.last.get(&visitor));
            erased_at.is_none_or(|erased_at| *erased_at < index).then_some(recorded)
        })
    }
}

fn visitor(recorded: &Recorded) -> Option<(AgentId, VisitorId)> {
    Some((recorded.subject.agent_id()?, recorded.subject.visitor_id()?))
}
