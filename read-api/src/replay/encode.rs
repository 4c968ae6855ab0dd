//! One event as one line: the stored `CloudEvent` with its position in front, its bytes otherwise untouched.

use bytes::BytesMut;
use events::{AgentId, WorkspaceId};
use futures::FutureExt as _;
use serde::Deserialize;

use super::{
    cursor::Cursor,
    merge::{Event, Replay},
    start::Wanted,
};

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
pub enum Format {
    /// Newline-delimited JSON.
    Ndjson,
    /// Server-Sent Events, the cursor as `id`.
    Sse,
}

impl Wanted {
    /// Whether the reader asked for this event, and may have it.
    pub(super) fn includes(&self, payload: &[u8]) -> bool {
        if self.workspace_id.is_none() && self.agent_id.is_none() && self.kind.is_none() {
            return true;
        }
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

impl Replay {
    /// Writes the events that are there already, until `into` holds `bytes`. Answers how the replay ended, if it did.
    pub fn lines_at_hand(
        &mut self,
        format: Format,
        bytes: usize,
        into: &mut BytesMut,
    ) -> Option<Result<(), async_nats::Error>> {
        while into.len() < bytes {
            match self.next().now_or_never()? {
                Ok(Some(event)) => line(format, &event, &self.cursor(), into),
                Ok(None) => return Some(Ok(())),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// Writes one event, after which the reader stands at `cursor`.
pub fn line(format: Format, event: &Event, cursor: &Cursor, into: &mut BytesMut) {
    let payload = &event.payload[..];
    into.reserve(payload.len() + 300);
    if format == Format::Sse {
        into.extend_from_slice(b"id: ");
        cursor.write(into);
        into.extend_from_slice(b"\ndata: ");
    }
    into.extend_from_slice(format!("{{\"position\":\"{}\",\"cursor\":\"", event.key.position).as_bytes());
    cursor.write(into);
    into.extend_from_slice(b"\",");
    into.extend_from_slice(payload.strip_prefix(b"{").unwrap_or(payload));
    into.extend_from_slice(if format == Format::Sse { b"\n\n" } else { b"\n" });
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use events::{Partition, Position};
    use time::OffsetDateTime;

    use super::*;
    use crate::replay::start::Key;

    #[test]
    fn a_line_is_the_event_with_its_position() {
        let position = Position {
            partition: Partition::Events(1),
            sequence: 12,
        };
        let key = Key {
            stored_at: OffsetDateTime::UNIX_EPOCH,
            position,
        };
        let event = Event {
            key,
            payload: Bytes::from_static(br#"{"id":"a"}"#),
        };
        let cursor = Cursor::after(&[position], 2);
        let mut lines = BytesMut::new();
        line(Format::Ndjson, &event, &cursor, &mut lines);
        line(Format::Sse, &event, &cursor, &mut lines);
        let json = r#"{"position":"1:12","cursor":"0:0,1:12,control:0","id":"a"}"#;
        let expected = format!("{json}\nid: 0:0,1:12,control:0\ndata: {json}\n\n");
        assert_eq!(String::from_utf8_lossy(&lines), expected);
    }
}
