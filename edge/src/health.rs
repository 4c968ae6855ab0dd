//! `GET /healthz` (the process runs), `/readyz` (its dependencies answer) and `/metrics`, on every role.

#![expect(
    clippy::disallowed_types,
    reason = "the envelope itself is what the others answer with"
)]

use std::{pin::Pin, sync::Arc};

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};

/// One dependency, and whether it answers.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: &'static str,
    /// What is wrong, for operators.
    pub result: Result<(), String>,
}

/// The checks of a role, made anew for every question.
pub type Checks = Pin<Box<dyn Future<Output = Vec<Check>> + Send>>;

/// The three routes of `role`.
pub fn router(
    role: &'static str,
    checks: impl Fn() -> Checks + Send + Sync + 'static,
    metrics: PrometheusHandle,
) -> Router {
    let checks = Arc::new(checks);
    Router::new()
        .route(
            "/healthz",
            get(move || async move { Json(json!({ "role": role, "status": "ok" })) }),
        )
        .route(
            "/readyz",
            get(move || {
                let checks = Arc::clone(&checks);
                async move { ready(role, checks().await) }
            }),
        )
        .route(
            "/metrics",
            get(move || async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()) }),
        )
}

fn ready(role: &'static str, checks: Vec<Check>) -> Response {
    let is_ready = checks.iter().all(|check| check.result.is_ok());
    let details: Map<String, Value> = checks
        .into_iter()
        .map(|Check { name, result }| (name.to_owned(), result.map_or_else(Value::from, |()| json!("ok"))))
        .collect();
    let (status, word) = if is_ready {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (status, Json(json!({ "role": role, "status": word, "checks": details }))).into_response()
}
