//! One event as one line: the stored `CloudEvent` with its position in front, its bytes otherwise untouched.

use bytes::{BufMut as _, BytesMut};
use events::{AgentId, Position, WorkspaceId};
use serde::Deserialize;

use super::start::Wanted;

/// What decides whether a reader gets an event.
#[derive(Debug, Deserialize)]
struct Attributes<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    workspaceid: Option<WorkspaceId>,
    agentid: Option<AgentId>,
}

/// How lines are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Newline-delimited JSON.
    Ndjson,
    /// Server-Sent Events, the position as `id`.
    Sse,
}

impl Wanted {
    /// Whether the reader asked for this event, and may have it.
    pub(super) fn includes(&self, payload: &[u8]) -> bool {
        let Ok(attributes) = serde_json::from_slice::<Attributes<'_>>(payload) else {
            return false;
        };
        // An event without a workspace is of no tenant: only who sees all sees it.
        self.workspace_id.is_none_or(|own| attributes.workspaceid == Some(own))
            && self
                .agent_id
                .is_none_or(|agent_id| attributes.agentid == Some(agent_id))
            && self.kind.as_ref().is_none_or(|kind| kind.matches(&attributes.kind))
    }
}

/// Writes one event.
pub(super) fn line(format: Format, position: Position, payload: &[u8], into: &mut BytesMut) {
    let object = payload.strip_prefix(b"{").unwrap_or(payload);
    let head = match format {
        Format::Ndjson => format!("{{\"position\":\"{position}\","),
        Format::Sse => format!("id: {position}\ndata: {{\"position\":\"{position}\","),
    };
    into.reserve(head.len() + object.len() + 2);
    into.put_slice(head.as_bytes());
    into.put_slice(object);
    into.put_slice(if format == Format::Sse { b"\n\n" } else { b"\n" });
}

#[cfg(test)]
mod tests {
    use events::Partition;

    use super::*;

    #[test]
    fn a_line_is_the_event_with_its_position() {
        let position = Position {
            partition: Partition::Events(3),
            sequence: 12,
        };
        let mut lines = BytesMut::new();
        line(Format::Ndjson, position, br#"{"id":"a"}"#, &mut lines);
        line(Format::Sse, position, br#"{"id":"a"}"#, &mut lines);
        assert_eq!(
            &lines[..],
            b"{\"position\":\"3:12\",\"id\":\"a\"}\nid: 3:12\ndata: {\"position\":\"3:12\",\"id\":\"a\"}\n\n"
        );
    }
}
