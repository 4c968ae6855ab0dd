//! Every route in one list.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use tower_http::compression::CompressionLayer;
use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        ContentBuilder, OpenApi, Ref, ResponseBuilder,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    dashboard,
    error::ApiError,
    etag,
    queries::{
        list_agents, list_conversations, list_documents, list_gaps, list_leads, list_projections,
        list_team_conversations, read_conversation, read_erasure, read_insights, read_knowledge, read_telemetry,
        read_usage,
    },
    replay::{read_events, read_schema},
};

/// An answer begins within this, and what it may wait for its `min_position`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The routes with their description at `/openapi.json` and `/docs`, and the dashboard at `/`. `command_api` is where its
/// browser finds the command API.
pub fn build(app: App, command_api: Option<&str>) -> Router {
    let patience = ANSWER_TIMEOUT + app.min_position_timeout;
    let (router, description) = api().with_state(app).split_for_parts();
    router
        .layer(from_fn_with_state(patience, in_time))
        .layer(from_fn(etag::tag))
        .merge(dashboard::router(command_api))
        .merge(edge::docs::router(with_refusals(description)))
        .layer(CompressionLayer::new())
}

/// The database's own limits are of no use where a connection has nobody at its other end.
async fn in_time(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => ApiError::TimedOut.into_response(),
    }
}

/// The description alone, for a snapshot and for generated clients.
pub fn description() -> OpenApi {
    with_refusals(api().into_openapi())
}

fn api() -> OpenApiRouter<App> {
    let routes = OpenApiRouter::new()
        .routes(routes!(list_agents::list_agents))
        .routes(routes!(list_team_conversations::list_team_conversations))
        .routes(routes!(list_conversations::list_conversations))
        .routes(routes!(read_conversation::read_conversation))
        .routes(routes!(list_leads::list_leads))
        .routes(routes!(read_insights::read_insights))
        .routes(routes!(read_telemetry::read_telemetry))
        .routes(routes!(list_documents::list_documents))
        .routes(routes!(read_knowledge::read_knowledge))
        .routes(routes!(list_gaps::list_gaps))
        .routes(routes!(read_usage::read_usage))
        .routes(routes!(list_projections::list_projections))
        .routes(routes!(read_erasure::read_erasure))
        .routes(routes!(read_events::read_events))
        .routes(routes!(read_schema::list_schemas))
        .routes(routes!(read_schema::read_schema));
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", routes)
}

/// What stands above the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Diagent read API",
        description = "What visitors said and did, for a site's team and for analysts. Every call takes an operator's token \
                       (`diagent token`) with the scope `read`. Any read takes `min_position` and then waits until it has \
                       seen that write."
    ),
    components(schemas(edge::envelope::ErrorBody, events::ConversationId)),
    modifiers(&Shared)
)]
struct Description;

/// What all routes share is said once.
struct Shared;

impl Modify for Shared {
    fn modify(&self, openapi: &mut OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("operator", bearer);
    }
}

/// The refusals that every route may answer with; what only some do stands in their own descriptions.
const REFUSALS: [(&str, &str); 5] = [
    ("401", "`unauthorized`: one answer for every cause"),
    ("403", "`forbidden`: the token lacks the scope `read`"),
    ("404", "What the path or the query names does not exist for this caller"),
    ("422", "`validation_failed`: `fields` names what"),
    (
        "503",
        "`projection_behind`, `database_unavailable`, `log_unavailable` or `timeout`, with `Retry-After`",
    ),
];

/// Adds the refusals to every route.
fn with_refusals(mut description: OpenApi) -> OpenApi {
    if let Some(components) = &mut description.components {
        edge::docs::merge_flattened(components);
    }
    for path in description.paths.paths.values_mut() {
        if let Some(operation) = &mut path.get {
            for (status, meaning) in REFUSALS {
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name("ErrorBody")))
                    .build();
                let refusal = ResponseBuilder::new()
                    .description(meaning)
                    .content("application/json", content);
                let responses = &mut operation.responses.responses;
                responses
                    .entry(status.to_owned())
                    .or_insert_with(|| refusal.build().into());
            }
        }
    }
    description
}
