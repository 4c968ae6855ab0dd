//! `GET /conversation/messages`: pages of the visible messages, cheap to poll.
//!
//! The `ETag` is the conversation's last position in the log, so an unchanged conversation is answered without being read.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use edge::{Data, extract::Query};
use events::{
    LogEvent, MessageId, Position,
    conversation::{Conversation, Message, RECENT_MESSAGES, visible_messages},
};
use serde::{Deserialize, Serialize};

use crate::{app::App, committed::position_header, error::ApiError, etag, guard::visitor::Visitor};

const LIMIT_DEFAULT: usize = 30;
const LIMIT_MAX: usize = 100;

/// Which page. Of `before` and `after` at most one.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// Messages before this one, for reading back.
    #[param(value_type = Option<MessageId>)]
    before: Option<MessageId>,
    /// Messages after this one, for polling. All visible ones when it was cleared meanwhile.
    #[param(value_type = Option<MessageId>)]
    after: Option<MessageId>,
    /// 1 to 100, 30 without it.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// Messages, oldest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MessagePage {
    messages: Vec<Message>,
    /// There are more in the direction of the question: older ones, or with `after` newer ones.
    has_more: bool,
}

/// The last visible messages of the conversation, or those before or after one of them.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `validation_failed`, `log_unavailable`.
#[utoipa::path(
    get, path = "/conversation/messages", tag = "widget",
    params(MessagesQuery, ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer")),
    responses((status = 200, body = MessagePage), (status = 304, description = "Nothing has changed")),
)]
#[tracing::instrument(name = "widget.messages.list", skip_all, fields(conversation.id = %visitor.conversation_id))]
pub async fn list_messages(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<MessagesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let limit = query.checked_limit()?;
    let subject = visitor.conversation();
    let loaded = app.log.load::<Conversation>(&subject).await?;
    let position = Position {
        partition: subject.partition(app.log.partitions()),
        sequence: loaded.sequence,
    };
    let etag = format!("\"{position}\"");
    if etag::is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, caching(&etag, position)).into_response());
    }
    let recent: Vec<Message> = loaded.state.recent_messages().cloned().collect();
    let page = if query.fits_in(&recent, limit) {
        query.page(recent, limit)
    } else {
        let recorded = app.log.events_of(&subject).await?;
        let events = recorded.into_iter().filter_map(|recorded| match recorded.event {
            LogEvent::Conversation(event) => Some(event),
            _ => None,
        });
        query.page(visible_messages(events), limit)
    };
    Ok((caching(&etag, position), Data { data: page }).into_response())
}

fn caching(etag: &str, position: Position) -> HeaderMap {
    let etag = HeaderValue::from_str(etag).expect("a position is printable ASCII");
    HeaderMap::from_iter([
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        position_header(position),
    ])
}

impl MessagesQuery {
    fn checked_limit(&self) -> Result<usize, ApiError> {
        if self.before.is_some() && self.after.is_some() {
            return Err(ApiError::field("after", "cannot be combined with before"));
        }
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(ApiError::field("limit", "must lie between 1 and 100"))
        }
    }

    /// Whether the state's last messages are enough: they are all there are, or what is asked for lies among them.
    fn fits_in(&self, recent: &[Message], limit: usize) -> bool {
        recent.len() < RECENT_MESSAGES
            || match (self.before, self.after) {
                (None, None) => limit < RECENT_MESSAGES,
                (None, Some(after)) => recent.iter().any(|message| message.id == after),
                (Some(_), _) => false,
            }
    }

    fn page(&self, mut visible: Vec<Message>, limit: usize) -> MessagePage {
        let place = |id: MessageId| visible.iter().position(|message| message.id == id);
        if let Some(after) = self.after {
            let from = place(after).map_or(0, |place| place + 1);
            let has_more = visible.len() - from > limit;
            let messages = visible.into_iter().skip(from).take(limit).collect();
            return MessagePage { messages, has_more };
        }
        if let Some(before) = self.before {
            // What was cleared has nothing visible before it.
            let end = place(before).unwrap_or(0);
            visible.truncate(end);
        }
        let from = visible.len().saturating_sub(limit);
        MessagePage {
            messages: visible.split_off(from),
            has_more: from > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Timestamp, conversation::Role};

    use super::*;

    #[test]
    fn pages_by_table() {
        let table = [
            (query(None, None), 3, vec![3, 4, 5], true),
            (query(None, None), 9, vec![1, 2, 3, 4, 5], false),
            (query(Some(3), None), 9, vec![1, 2], false),
            (query(Some(3), None), 1, vec![2], true),
            (query(Some(99), None), 9, vec![], false),
            (query(None, Some(3)), 9, vec![4, 5], false),
            (query(None, Some(1)), 2, vec![2, 3], true),
            (query(None, Some(5)), 9, vec![], false),
            (query(None, Some(99)), 9, vec![1, 2, 3, 4, 5], false),
        ];
        for (query, limit, expected, has_more) in table {
            let page = query.page((1..=5).map(message).collect(), limit);
            let ids: Vec<u128> = page.messages.iter().map(|message| message.id.bits()).collect();
            assert_eq!((ids, page.has_more), (expected, has_more), "{query:?} {limit}");
        }
    }

    fn query(before: Option<u128>, after: Option<u128>) -> MessagesQuery {
        MessagesQuery {
            before: before.map(MessageId::from_bits),
            after: after.map(MessageId::from_bits),
            limit: None,
        }
    }

    fn message(id: u128) -> Message {
        Message {
            id: MessageId::from_bits(id),
            role: Role::Visitor,
            content: "hello".into(),
            citations: vec![],
            low_confidence: None,
            finish_reason: None,
            rating: None,
            author: None,
            created_at: Timestamp::from_unix_millis(0),
        }
    }
}
