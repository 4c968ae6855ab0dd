//! Every route in one list, grouped by caller.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{
        check_agent, delete_document, put_agent, put_document, put_workspace, read_agent, read_agent_versions,
        read_document, read_workspace,
    },
    app::App,
    guard::{
        body::{self, ADMIN_BYTES_MAX, WIDGET_BYTES_MAX},
        limits,
    },
    openapi,
    pusher::{authorise, connect, stream_events},
    takeover::{announce_typing, claim, close, release, reply},
    widget::{
        capture_lead, clear_conversation, close_conversation, erase_me, init, list_conversations, list_messages,
        post_message, rate_conversation, rate_message, read_conversation, read_me, record_event, request_human,
        resume_stream, show_typing, stop_message, stream_message,
    },
};

/// The routes, and their description.
pub fn build(app: App) -> (Router, OpenApi) {
    let widget = widget()
        .layer(from_fn_with_state(WIDGET_BYTES_MAX, body::bounded))
        .layer(DefaultBodyLimit::max(WIDGET_BYTES_MAX))
        .layer(from_fn(limits::announce));
    let operators = operators()
        .layer(from_fn_with_state(ADMIN_BYTES_MAX, body::bounded))
        .layer(DefaultBodyLimit::max(ADMIN_BYTES_MAX));
    let (router, description) = OpenApiRouter::with_openapi(openapi::base())
        .nest("/api/v1/widget", widget)
        .nest("/api/v1", operators)
        .merge(live())
        .with_state(app)
        .split_for_parts();
    (router, openapi::complete(description))
}

/// The description alone.
pub fn description() -> OpenApi {
    let described = OpenApiRouter::with_openapi(openapi::base());
    openapi::complete(
        described
            .nest("/api/v1/widget", widget())
            .nest("/api/v1", operators())
            .merge(live())
            .into_openapi(),
    )
}

/// Visitors, with the token that `init` gave them.
fn widget() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(init::init))
        .routes(routes!(post_message::post_message))
        .routes(routes!(stream_message::stream_message))
        .routes(routes!(resume_stream::resume_stream))
        .routes(routes!(stop_message::stop_message))
        .routes(routes!(rate_message::rate_message))
        .routes(routes!(read_conversation::read_conversation))
        .routes(routes!(list_messages::list_messages))
        .routes(routes!(list_conversations::list_conversations))
        .routes(routes!(clear_conversation::clear_conversation))
        .routes(routes!(close_conversation::close_conversation))
        .routes(routes!(request_human::request_human))
        .routes(routes!(rate_conversation::rate_conversation))
        .routes(routes!(show_typing::show_typing))
        .routes(routes!(stream_events::stream_events))
        .routes(routes!(capture_lead::capture_lead))
        .routes(routes!(record_event::record_event))
        .routes(routes!(read_me::read_me, erase_me::erase_me))
}

/// Operators and a site's own team, with a token of `diagent token`.
fn operators() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(put_workspace::put_workspace, read_workspace::read_workspace))
        .routes(routes!(put_agent::put_agent, read_agent::read_agent))
        .routes(routes!(check_agent::check_agent))
        .routes(routes!(read_agent_versions::list_agent_versions))
        .routes(routes!(read_agent_versions::read_agent_version))
        .routes(routes!(
            put_document::put_document,
            read_document::read_document,
            delete_document::delete_document
        ))
        .routes(routes!(claim::claim))
        .routes(routes!(reply::reply))
        .routes(routes!(release::release))
        .routes(routes!(close::close))
        .routes(routes!(announce_typing::announce_typing))
}

/// Clients of the Pusher protocol, on the paths that they ask without being told others.
fn live() -> OpenApiRouter<App> {
    let authorise = OpenApiRouter::new()
        .routes(routes!(authorise::authorise))
        .layer(from_fn_with_state(WIDGET_BYTES_MAX, body::bounded))
        .layer(DefaultBodyLimit::max(WIDGET_BYTES_MAX))
        .layer(from_fn(limits::announce));
    OpenApiRouter::new().routes(routes!(connect::connect)).merge(authorise)
}
