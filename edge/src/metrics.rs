//! The process's figures, for Prometheus. Each crate names its own; here are those of the HTTP servers.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from a counter increment to a slow answer.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts to collect; once per process, further calls answer the same handle.
pub fn install() -> PrometheusHandle {
    HANDLE.get_or_init(start).clone()
}

fn start() -> PrometheusHandle {
    let builder = PrometheusBuilder::new();
    let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS) {
        Ok(builder) => builder,
        Err(error) => {
            tracing::error!(%error, "histograms have no buckets");
            PrometheusBuilder::new()
        }
    };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("another recorder collects this process's figures");
    }
    metrics::describe_counter!("http_requests_total", "HTTP requests by role, route, method and status");
    metrics::describe_histogram!(
        "http_request_duration_seconds",
        metrics::Unit::Seconds,
        "From a request's headers to its answer's headers, by role and route"
    );
    handle
}
