//! The API's description: `/openapi.json`, rendered at `/docs` from files inside the binary.

use axum::Router;
use utoipa_swagger_ui::SwaggerUi;

/// Both routes for `openapi`.
pub fn router(openapi: utoipa::openapi::OpenApi) -> Router {
    SwaggerUi::new("/docs").url("/openapi.json", openapi).into()
}
