//! The API's description: `/openapi.json`, rendered at `/docs` from files inside the binary.

use axum::Router;
use utoipa::openapi::{
    Components, RefOr,
    schema::{Object, Schema},
};
use utoipa_swagger_ui::SwaggerUi;

/// Both routes for `openapi`.
pub fn router(openapi: utoipa::openapi::OpenApi) -> Router {
    SwaggerUi::new("/docs").url("/openapi.json", openapi).into()
}

/// Makes one object of each `allOf` in `components`.
///
/// A definition allows no unknown fields, and a view has it beside fields of its own. As `allOf` no value would be valid: each
/// part refuses the other's fields. As one object it is what stands on the wire.
pub fn merge_flattened(components: &mut Components) {
    let known = components.schemas.clone();
    let resolve = |part: &RefOr<Schema>| match part {
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(_) => None,
        RefOr::Ref(reference) => match known.get(reference.ref_location.rsplit('/').next()?)? {
            RefOr::T(Schema::Object(object)) => Some(object.clone()),
            _ => None,
        },
    };
    let merge = |schema: &mut RefOr<Schema>| {
        let RefOr::T(Schema::AllOf(all)) = schema else { return };
        let mut whole = Object::new();
        whole.description.clone_from(&all.description);
        for part in all.items.iter().filter_map(resolve) {
            whole.properties.extend(part.properties);
            whole.required.extend(part.required);
        }
        *schema = Schema::Object(whole).into();
    };
    for schema in components.schemas.values_mut() {
        match schema {
            RefOr::T(Schema::OneOf(one)) => one.items.iter_mut().for_each(merge),
            schema => merge(schema),
        }
    }
}
