//! `GET /me`: everything that the log holds of the visitor, readable.
//!
//! It is the visitor's data, so cleared messages are in it: the log keeps them.

use axum::extract::State;
use edge::Data;
use events::{
    AgentId, LogEvent, Personal, Recorded, Subject, Timestamp, VisitorId,
    conversation::{ConversationEvent, Message, Rating, Satisfaction, visible_messages},
    lead::LeadEvent,
    telemetry::{Metadata, TelemetryEvent},
    visitor::VisitorEvent,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{app::App, error::ApiError, guard::visitor::Visitor};

/// All that is known of a visitor.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Export {
    visitor_id: VisitorId,
    agent_id: AgentId,
    exported_at: Timestamp,
    first_seen_at: Option<Timestamp>,
    locale: Option<String>,
    #[schema(value_type = Option<String>)]
    first_page_url: Option<Personal<String>>,
    conversations: Vec<ExportedConversation>,
    leads: Vec<ExportedLead>,
    telemetry: Vec<ExportedTelemetry>,
}

/// One conversation with all of its messages, cleared ones included.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ExportedConversation {
    conversation_id: String,
    messages: Vec<Message>,
    /// What the visitor said about messages, the conversation, and of wanting a person.
    remarks: Vec<Remark>,
    /// When it was cleared.
    cleared_at: Vec<Timestamp>,
    closed_at: Option<Timestamp>,
}

/// Something that the visitor said beside the messages.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remark {
    MessageRated {
        message_id: String,
        rating: Option<Rating>,
        #[schema(value_type = Option<String>)]
        comment: Option<Personal<String>>,
        at: Timestamp,
    },
    ConversationRated {
        rating: Satisfaction,
        #[schema(value_type = Option<String>)]
        comment: Option<Personal<String>>,
        at: Timestamp,
    },
    HumanRequested {
        #[schema(value_type = Option<String>)]
        reason: Option<Personal<String>>,
        at: Timestamp,
    },
    MessageSent {
        message_id: String,
        #[schema(value_type = Option<String>)]
        page_url: Option<Personal<String>>,
        #[schema(value_type = Option<Object>)]
        page_context: Option<Personal<Map<String, Value>>>,
        at: Timestamp,
    },
}

/// One submission of the lead form.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ExportedLead {
    #[schema(value_type = String)]
    email: Personal<String>,
    #[schema(value_type = Option<String>)]
    name: Option<Personal<String>>,
    #[schema(value_type = Option<String>)]
    phone: Option<Personal<String>>,
    #[schema(value_type = Object)]
    fields: std::collections::BTreeMap<String, Personal<Value>>,
    /// What was agreed to with it.
    consent: Option<String>,
    submitted_at: Timestamp,
}

/// One report of the widget.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ExportedTelemetry {
    event: String,
    rule_id: Option<String>,
    #[schema(value_type = Option<String>)]
    page_url: Option<Personal<String>>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Personal<Metadata>>,
    at: Timestamp,
}

/// Exports the visitor's own data.
///
/// # Errors
/// `unauthorized`, `origin_forbidden`, `throttled`, `log_unavailable`.
#[utoipa::path(get, path = "/me", tag = "widget", responses((status = 200, body = Export)))]
#[tracing::instrument(name = "widget.me.read", skip_all, fields(visitor.id = %visitor.visitor_id))]
pub async fn read_me(State(app): State<App>, visitor: Visitor) -> Result<Data<Export>, ApiError> {
    let mut export = Export {
        visitor_id: visitor.visitor_id,
        agent_id: visitor.agent_id,
        exported_at: app.now(),
        first_seen_at: None,
        locale: None,
        first_page_url: None,
        conversations: Vec::new(),
        leads: Vec::new(),
        telemetry: Vec::new(),
    };
    let mut subjects = app
        .log
        .subjects_of_visitor(visitor.agent_id, visitor.visitor_id)
        .await?;
    subjects.sort_by_key(|subject| match subject {
        // Conversation ids sort by the time they were made.
        Subject::Conversation { conversation_id, .. } => Some(*conversation_id),
        _ => None,
    });
    for subject in subjects {
        let events = app.log.events_of(&subject).await?;
        export.add(&subject, events);
    }
    Ok(Data { data: export })
}

impl Export {
    fn add(&mut self, subject: &Subject, recorded: Vec<Recorded>) {
        let mut said = Vec::new();
        for Recorded { event, .. } in recorded {
            match event {
                LogEvent::Visitor(VisitorEvent::Arrived { locale, page_url, at }) => {
                    (self.first_seen_at, self.locale, self.first_page_url) = (Some(at), locale, page_url);
                }
                LogEvent::Conversation(event) => said.push(event),
                LogEvent::Lead(LeadEvent::Captured {
                    email,
                    name,
                    phone,
                    fields,
                    consent,
                    at,
                    ..
                }) => {
                    self.leads.push(ExportedLead {
                        email,
                        name,
                        phone,
                        fields,
                        consent,
                        submitted_at: at,
                    });
                }
                LogEvent::Telemetry(TelemetryEvent::Recorded {
                    event,
                    rule_id,
                    page_url,
                    metadata,
                    at,
                    ..
                }) => {
                    self.telemetry.push(ExportedTelemetry {
                        event,
                        rule_id,
                        page_url,
                        metadata,
                        at,
                    });
                }
                _ => {}
            }
        }
        if let Subject::Conversation { conversation_id, .. } = subject {
            self.conversations
                .push(ExportedConversation::of(conversation_id.to_string(), said));
        }
    }
}

impl ExportedConversation {
    fn of(conversation_id: String, events: Vec<ConversationEvent>) -> Self {
        use ConversationEvent as E;
        let cleared_at = events.iter().filter_map(|event| match event {
            E::Cleared { at } => Some(*at),
            _ => None,
        });
        let closed_at = events.iter().find_map(|event| match event {
            E::Closed { at, .. } => Some(*at),
            _ => None,
        });
        Self {
            conversation_id,
            cleared_at: cleared_at.collect(),
            closed_at,
            remarks: events.iter().filter_map(Remark::of).collect(),
            // Without the clears every message is visible.
            messages: visible_messages(events.into_iter().filter(|event| !matches!(event, E::Cleared { .. }))),
        }
    }
}

impl Remark {
    fn of(event: &ConversationEvent) -> Option<Self> {
        use ConversationEvent as E;
        Some(match event.clone() {
            E::MessageRated {
                message_id,
                rating,
                comment,
                at,
            } => Self::MessageRated {
                message_id: message_id.to_string(),
                rating,
                comment,
                at,
            },
            E::ConversationRated { rating, comment, at } => Self::ConversationRated { rating, comment, at },
            E::HumanRequested { reason, at } => Self::HumanRequested { reason, at },
            E::MessagePosted {
                message_id,
                page_url,
                page_context,
                at,
                ..
            } if page_url.is_some() || page_context.is_some() => Self::MessageSent {
                message_id: message_id.to_string(),
                page_url,
                page_context,
                at,
            },
            _ => return None,
        })
    }
}
