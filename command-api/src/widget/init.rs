//! `POST /init`: boots the widget for a visitor.
//!
//! Contract, "POST /v1/widget/init". Beyond it the request takes `locale` and `force_new`, and the answer has
//! `restricted_paths`, `active_message`, and the agent's `lead_fields` and `lead_form`.

use axum::extract::State;
use edge::{Committed, extract::Json};
use events::{
    AgentId, ConversationId, MessageId, Timestamp, VisitorId,
    agent::{AgentDefinition, BehaviorRule, Branding, LeadField, LeadFormSettings},
    clock::new_secret,
    cloud_event::Meta,
    conversation::{Conversation, Message},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arrival::{Arrival, Welcome};
use crate::{
    app::App,
    checks::Checks,
    config::ReverbConfig,
    error::ApiError,
    guard::{
        caller::{Caller, meta},
        limits::{self, Bucket},
        origin,
        token::{Bearer, IssuedToken},
    },
};

const ANON_ID_CHARS_MAX: usize = 200;
const AGENT_ID_CHARS_MAX: usize = 100;

/// What the loader says of itself. Unknown fields are ignored: older and newer widgets must work.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct InitRequest {
    /// The agent's ULID.
    #[schema(example = "01JA8Q5T3V9Y6ZK4W2M7XN8RBC")]
    agent_id: String,
    /// The page that the widget is on.
    page_url: Option<String>,
    /// What an earlier answer called `anonymous_id`; without it the visitor is new. It is a bearer secret.
    #[schema(min_length = 1, max_length = 200)]
    anon_id: Option<String>,
    /// The browser's language.
    #[schema(example = "en-US")]
    locale: Option<String>,
    /// Begin a new conversation even when one could be resumed.
    #[serde(default)]
    force_new: bool,
}

/// All that a widget needs to start.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InitAnswer {
    conversation_id: ConversationId,
    visitor_id: VisitorId,
    anonymous_id: String,
    jwt: String,
    expires_at: Timestamp,
    agent: AgentView,
    branding: Branding,
    /// What the widget does by itself, the highest priority first.
    behavior_rules: Vec<BehaviorRule>,
    /// The last 30 of a resumed conversation, oldest first.
    messages: Vec<Message>,
    reverb: ReverbView,
    restricted_paths: Vec<String>,
    /// An answer that is being written right now: its stream can be resumed.
    active_message: Option<ActiveMessage>,
}

/// The agent, without what only the model is told.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AgentView {
    id: AgentId,
    name: String,
    persona: PersonaView,
    #[schema(value_type = Object)]
    theme: Map<String, Value>,
    starter_prompts: Vec<String>,
    language_default: String,
    lead_fields: Vec<LeadField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_form: Option<LeadFormSettings>,
}

/// Who answers, and in which manner.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PersonaView {
    name: String,
    tone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    greeting: Option<String>,
}

/// Where live events come from.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ReverbView {
    app_key: String,
    host: String,
    port: u16,
    scheme: String,
}

/// An answer that is being written.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ActiveMessage {
    message_id: MessageId,
}

/// Boots the widget: authenticates nobody, but the request's origin must be one of the agent's.
///
/// # Errors
/// `validation_failed`, `throttled`, `agent_not_found`, `origin_forbidden`, `plan_limit_reached`, `log_unavailable`, in this order.
#[utoipa::path(
    post, path = "/init", tag = "widget", request_body = InitRequest,
    responses((status = 200, body = InitAnswer)),
    security(()),
)]
#[tracing::instrument(name = "widget.init", skip_all, fields(agent.id = tracing::field::Empty))]
pub async fn init(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<InitRequest>,
) -> Result<Committed<InitAnswer>, ApiError> {
    request.check()?;
    let key = limits::key(&[&caller.ip.to_string(), &request.agent_id]);
    limits::admit(&app, Bucket::Init, &key, &caller.rate).await?;
    let agent_id: AgentId = request.agent_id.parse().map_err(|_| ApiError::AgentNotFound)?;
    tracing::Span::current().record("agent.id", tracing::field::display(agent_id));
    let agent = app.published_agent(agent_id)?;
    origin::check(&agent.allowed_origins, &caller.headers)?;

    let anonymous_id = request.anon_id.unwrap_or_else(|| format!("anon_{}", new_secret()));
    let visitor_id = VisitorId::derive(agent_id, &anonymous_id);
    let arrival = Arrival {
        agent_id,
        agent: agent.clone(),
        visitor_id,
        locale: request.locale,
        page_url: request.page_url.map(Into::into),
        force_new: request.force_new,
        meta: Meta {
            workspace_id: Some(agent.workspace_id),
            ..meta(&caller.headers)
        },
    };
    let Welcome {
        conversation_id,
        state,
        position,
    } = arrival.welcome(&app).await?;
    let token = app.widget_keys.issue(
        Bearer {
            agent_id,
            visitor_id,
            conversation_id,
        },
        app.now(),
    );
    let IssuedToken { jwt, expires_at } = token;
    Ok(Committed::ok(
        position,
        InitAnswer {
            conversation_id,
            visitor_id,
            anonymous_id,
            jwt,
            expires_at,
            branding: agent.branding.clone(),
            behavior_rules: for_the_widget(&agent.behavior_rules),
            messages: state.recent_messages().cloned().collect(),
            reverb: ReverbView::of(&app.reverb),
            restricted_paths: agent.restricted_paths.clone(),
            active_message: ActiveMessage::of(&state),
            agent: AgentView::of(agent_id, &agent),
        },
    ))
}

/// Curated answers are the responder's.
fn for_the_widget(rules: &[BehaviorRule]) -> Vec<BehaviorRule> {
    let mut rules: Vec<BehaviorRule> = rules.iter().filter(|rule| rule.curated().is_none()).cloned().collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    rules
}

impl InitRequest {
    /// An agent id that is no ULID is not refused here: there is no such agent, and that is what is answered.
    fn check(&self) -> Result<(), ApiError> {
        let mut checks = Checks::default();
        checks.line("agent_id", &self.agent_id, 1..=AGENT_ID_CHARS_MAX);
        checks.page_url(self.page_url.as_deref());
        if let Some(anon_id) = &self.anon_id {
            checks.line("anon_id", anon_id, 1..=ANON_ID_CHARS_MAX);
        }
        if let Some(locale) = &self.locale {
            checks.language("locale", locale);
        }
        checks.finish()
    }
}

impl AgentView {
    fn of(id: AgentId, agent: &AgentDefinition) -> Self {
        Self {
            id,
            name: agent.name.clone(),
            persona: PersonaView {
                name: agent.persona.name.clone(),
                tone: agent.persona.tone.clone(),
                greeting: agent.persona.greeting.clone(),
            },
            theme: agent.theme.clone(),
            starter_prompts: agent.starter_prompts.clone(),
            language_default: agent.language_default.clone(),
            lead_fields: agent.lead_fields.clone(),
            lead_form: agent.lead_form.clone(),
        }
    }
}

impl ReverbView {
    fn of(config: &ReverbConfig) -> Self {
        Self {
            app_key: config.reverb_app_key.clone(),
            host: config.reverb_host.clone(),
            port: config.reverb_port,
            scheme: config.reverb_scheme.clone(),
        }
    }
}

impl ActiveMessage {
    /// The answer that the conversation waits for, if it does.
    pub(super) fn of(state: &Conversation) -> Option<Self> {
        state.open_turn().map(|turn| Self {
            message_id: turn.answer_id,
        })
    }
}
