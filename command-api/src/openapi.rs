//! What is said of all endpoints at once: the envelope around answers, the errors that all of them share, the two tokens.

use serde_json::json;
use utoipa::{
    OpenApi as _,
    openapi::{
        Components, Content, ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        schema::{Schema, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

/// The title page.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Diagent command API",
        description = "Everything that writes: the widget's calls under `/api/v1/widget`, what operators define, and \
                       takeovers. Every write answers `Diagent-Position`; a read with `min_position` sees it. Streams may \
                       hold a `restart` event beside those of the contract: the answer starts anew, what was shown is void."
    ),
    tags(
        (name = "widget", description = "Called by browsers, with the token that `init` gives. CORS on every answer."),
        (name = "admin", description = "Workspaces, agents and what they know. Scope `admin`; reading needs `read`."),
        (name = "live", description = "Live events over the Pusher protocol, version 7: for pusher-js, Laravel Echo and their like."),
        (name = "takeover", description = "A person answers instead of the agent. Scope `write`."),
    )
)]
struct TitlePage;

/// What all endpoints are added to.
pub fn base() -> OpenApi {
    TitlePage::openapi()
}

/// Adds what no endpoint says of itself.
pub fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_with(Components::new);
    for (name, description) in [("visitor", "From `init`."), ("operator", "From `diagent token`.")] {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.bearer_format = Some("JWT".to_owned());
        bearer.description = Some(description.to_owned());
        components
            .security_schemes
            .insert(name.to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    }
    components.schemas.insert("Error".to_owned(), error_schema().into());
    edge::docs::merge_flattened(components);
    for path in api.paths.paths.values_mut() {
        operations(path).for_each(complete_operation);
    }
    api
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.put, &mut path.post, &mut path.delete]
        .into_iter()
        .flatten()
}

fn complete_operation(operation: &mut Operation) {
    let is_widget = operation
        .tags
        .as_ref()
        .is_some_and(|tags| tags.iter().any(|tag| tag == "widget"));
    if operation.security.is_none() {
        let scheme = if is_widget { "visitor" } else { "operator" };
        operation.security = Some(vec![SecurityRequirement::new(scheme, [] as [String; 0])]);
    }
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            wrap_in_data(response);
        }
    }
    let mut shared = vec![
        ("400", "`malformed_json`: the body is no JSON"),
        ("401", "`unauthorized`: one answer for every cause"),
        (
            "403",
            if is_widget {
                "`origin_forbidden`"
            } else {
                "`forbidden`: the token lacks the scope"
            },
        ),
        ("404", "What the path or the body names does not exist for this caller"),
        ("409", "The state of the conversation or agent does not allow it"),
        ("413", "The body is too large"),
        ("415", "The body is not `application/json`"),
        ("422", "`validation_failed`: `fields` names what"),
        ("503", "`log_unavailable`, with `Retry-After`"),
    ];
    if is_widget {
        shared.push((
            "429",
            "`throttled`, or at `init` `plan_limit_reached`, with `Retry-After` and `RateLimit` headers",
        ));
    }
    for (status, description) in shared {
        let error = || {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Error")))
                .build();
            ResponseBuilder::new()
                .description(description)
                .content("application/json", content)
                .build()
                .into()
        };
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(error);
    }
}

/// Endpoints describe what they answer; on the wire it stands in `data`.
fn wrap_in_data(response: &mut Response) {
    if let Some(RefOr::T(Content {
        schema: Some(schema), ..
    })) = response.content.get_mut("application/json")
    {
        let data = std::mem::replace(schema, RefOr::T(Schema::default()));
        *schema = ObjectBuilder::new()
            .property("data", data)
            .required("data")
            .build()
            .into();
    }
}

fn error_schema() -> utoipa::openapi::schema::Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let field = ObjectBuilder::new()
        .property("field", text())
        .property("message", text())
        .build();
    let error = ObjectBuilder::new()
        .property("code", text().examples([json!("origin_forbidden")]))
        .property("message", text())
        .property("request_id", text())
        .property("fields", utoipa::openapi::ArrayBuilder::new().items(field))
        .required("code")
        .required("message")
        .required("request_id");
    ObjectBuilder::new().property("error", error).required("error").build()
}
