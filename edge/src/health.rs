//! `GET /healthz` (the process runs), `/readyz` (its dependencies answer) and `/metrics`, on every role.

#![expect(
    clippy::disallowed_types,
    reason = "the envelope itself is what the others answer with"
)]

use std::{fmt::Display, pin::Pin, sync::Arc, time::Duration};

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

/// A dependency that takes longer to answer is away.
const PATIENCE: Duration = Duration::from_secs(1);

impl Check {
    /// Whether `asked` answers, and soon: a connection behind which nobody is says nothing at all.
    pub async fn of<T, E: Display>(name: &'static str, asked: impl Future<Output = Result<T, E>>) -> Self {
        let result = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer within a second".to_owned()),
        };
        Self { name, result }
    }
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
