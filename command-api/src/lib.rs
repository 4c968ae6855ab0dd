//! The only HTTP writer: it validates, decides with an aggregate, appends, and answers after the log acknowledged.
//!
//! In reading order:
//!
//! 1. [`config`] is what it is told from outside, [`app`] the one state, [`router`] every route in one list.
//! 2. [`guard`] says who may come in: tokens, origins, limits, quota, client addresses, bodies.
//! 3. [`widget`] is the contract, one file per endpoint; [`admin`] and [`takeover`] are for operators and a site's team.
//! 4. [`relay`] brings token frames from the bus to a response, [`pusher`] live events from the log to sockets.
//! 5. [`embed`] is the widget itself, as browsers load it.
//! 6. `late_writes` looks after each erasure whether something is left.
//! 7. [`error`] is the one table of statuses and codes, [`metrics`] the one list of figures, [`mod@openapi`] what is said of all
//!    endpoints at once.
//!
//! There is no Postgres here: what a request needs is in the log, or in memory following it.

pub mod admin;
pub mod app;
pub mod checks;
pub mod committed;
pub mod config;
pub mod draining;
pub mod embed;
pub mod error;
pub mod etag;
pub mod guard;
mod late_writes;
pub mod metrics;
pub mod openapi;
pub mod pusher;
pub mod relay;
pub mod router;
pub mod takeover;
pub mod widget;

use std::io;

use axum::middleware::from_fn_with_state;
use edge::{
    ServeLimits, Tasks,
    health::{self, Check},
};
use events::{Log, log::LogError};
use tokio::net::TcpListener;
use utoipa::openapi::OpenApi;

pub use self::config::Config;
use self::{app::App, config::ConfigError};

/// Why the role ended, or never began.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the command API is not configured")]
    Config(#[from] ConfigError),
    #[error("the command API cannot read the log")]
    Log(#[from] LogError),
    #[error("the command API cannot serve its address")]
    Serve(#[source] io::Error),
}

/// Serves the command API on `listener` until `tasks` drain.
///
/// # Errors
/// A secret is missing or short, the log cannot be read, or the listener fails.
pub async fn run(config: Config, log: Log, listener: TcpListener, tasks: Tasks) -> Result<(), RunError> {
    metrics::describe();
    let dashboard = config.dashboard_origins.clone();
    let app = App::build(config, log, tasks.clone()).await?;
    tasks.spawn(late_writes::watch(app.clone()));
    let (api, description) = router::build(app.clone());
    let health = health::router(
        "command-api",
        move || {
            let app = app.clone();
            Box::pin(async move { checks(&app).await })
        },
        edge::metrics::install(),
    );
    let router = edge::layers(
        api.merge(embed::router())
            .merge(edge::docs::router(description))
            .merge(health),
        "command-api",
    );
    // Outside of everything, so that also a 404 and a panic can be read by a browser on another site.
    let router = router.layer(from_fn_with_state(dashboard, guard::cors::cross_origin));
    edge::serve(listener, router, &tasks, ServeLimits::default())
        .await
        .map_err(RunError::Serve)
}

/// The description of the API, for a snapshot and for generated clients.
pub fn openapi() -> OpenApi {
    router::description()
}

/// Agents, workspaces and revocations are known before the first request is served; what can go away is the log.
async fn checks(app: &App) -> Vec<Check> {
    vec![Check::of("log", app.log.ping()).await]
}
