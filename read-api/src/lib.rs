//! Serves what the projections built, and the log itself. It writes nothing.
//!
//! - [`queries`]: one file per list or thing that a site's team reads; [`replay`]: the log, for analysts.
//! - [`dashboard`]: the team's page, inside the binary; [`etag`]: reads that ask whether anything has changed.
//! - [`access`]: who may see what; [`wait_for_position`]: reads that must see a write; [`cursor`]: pages.
//! - [`router`]: every route in one list; [`error`]: the one table of status, code and wait.

pub mod access;
pub mod app;
pub mod config;
pub mod cursor;
pub mod dashboard;
pub mod error;
pub mod etag;
pub mod queries;
pub mod replay;
pub mod router;
pub mod wait_for_position;

use edge::{
    ServeLimits, Tasks,
    health::{self, Check},
    operator::SecretTooShort,
};
use events::{Log, log::LogError};
use sqlx::PgPool;
use tokio::net::TcpListener;

use self::app::App;
pub use self::config::Config;

const ROLE: &str = "read-api";

/// Why the role could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("OPERATOR_JWT_SECRET is not set")]
    SecretMissing,
    #[error(transparent)]
    Secret(#[from] SecretTooShort),
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    #[error("the read API cannot be served")]
    Serve(#[from] std::io::Error),
}

/// Serves until the drain.
///
/// # Errors
/// The secret is missing or short, or the log cannot be read at the start.
pub async fn run(config: Config, log: Log, pool: PgPool, listener: TcpListener, tasks: Tasks) -> Result<(), RunError> {
    let app = App::build(&config, log.clone(), pool.clone(), tasks.clone()).await?;
    let checks = move || -> health::Checks {
        let (log, pool) = (log.clone(), pool.clone());
        Box::pin(async move {
            // All read models are made in one transaction: before it there is nothing that could be read.
            let read_models = sqlx::query("SELECT FROM read.checkpoints LIMIT 1").execute(&pool);
            let (log, postgres) = tokio::join!(Check::of("log", log.ping()), Check::of("postgres", read_models));
            vec![log, postgres]
        })
    };
    let router = router::build(
        app,
        config
            .dashboard_command_api_url
            .as_deref()
            .filter(|url| !url.is_empty()),
    )
    .merge(health::router(ROLE, checks, edge::metrics::install()));
    edge::serve(listener, edge::layers(router, ROLE), &tasks, ServeLimits::default()).await?;
    Ok(())
}
