//! Read models: every projection folds the log into tables of its own, at its own pace, and can be built again.
//!
//! In reading order:
//!
//! 1. [`projection`] is what a projection is, and what it may assume; [`registry`] lists all of them; [`projections`] are they.
//! 2. [`migrate()`] makes their tables; [`versions`] builds versions beside each other and shows one of them to readers;
//!    [`drop_version`] takes one away.
//! 3. `runner` does the rest: which worker has which partition, batches, checkpoints, gaps, retries, dead letters.
//! 4. [`operate`] is what operators do to it while it runs, [`losses`] what they do when the log has lost events; [`verify`]
//!    compares a version's rows with the log.
//! 5. [`config`] is what the role is told from outside, [`metrics`] the one list of figures.
//!
//! `/readyz` is true when the database and the log answer. A halted partition does not make a process unready: it would be
//! halted in any other process too, and the partitions beside it go on. It shows in `projector_halted_partitions`, in the
//! log, and in `read.checkpoints`.

pub mod config;
pub mod drop_version;
pub mod losses;
pub mod metrics;
pub mod migrate;
pub mod operate;
pub mod projection;
pub mod projections;
pub mod registry;
mod runner;
pub mod verify;
pub mod versions;

use std::io;

use edge::{
    ServeLimits, Tasks,
    health::{self, Check},
};
use events::Log;
use sqlx::PgPool;
use tokio::net::TcpListener;

pub use self::{
    config::Config,
    migrate::{MigrateError, migrate, migrate_projections},
    projection::{Projection, Registered, Verdict},
    registry::UnknownProjection,
};

/// Why the role ended, or never began.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the projector is not configured")]
    Config(#[from] UnknownProjection),
    #[error("the projector's tables cannot be made")]
    Migrate(#[from] MigrateError),
    #[error("the projector cannot serve its address")]
    Serve(#[source] io::Error),
}

/// Runs all projections that `config` selects, with health and figures on `listener`, until `tasks` drain.
///
/// # Errors
/// A projection is named that does not exist, the tables cannot be made, or the listener fails.
pub async fn run(config: Config, log: Log, pool: PgPool, listener: TcpListener, tasks: Tasks) -> Result<(), RunError> {
    run_projections(registry::all(), config, Stores { log, pool }, listener, tasks).await
}

/// Where the projector reads, and where it writes.
#[derive(Debug, Clone)]
pub struct Stores {
    pub log: Log,
    pub pool: PgPool,
}

/// Runs `projections` instead of the product's own: for whoever brings more.
///
/// # Errors
/// As [`run`].
pub async fn run_projections(
    projections: Vec<Registered>,
    config: Config,
    Stores { log, pool }: Stores,
    listener: TcpListener,
    tasks: Tasks,
) -> Result<(), RunError> {
    metrics::describe();
    let health = {
        let (log, pool) = (log.clone(), pool.clone());
        let checks = move || -> health::Checks {
            let (log, pool) = (log.clone(), pool.clone());
            Box::pin(async move { checks(&log, &pool).await })
        };
        health::router("projector", checks, edge::metrics::install())
    };
    let serve = async {
        edge::serve(
            listener,
            edge::layers(health, "projector"),
            &tasks,
            ServeLimits::default(),
        )
        .await
        .map_err(RunError::Serve)
    };
    let project = async {
        migrate_projections(&pool, &projections).await?;
        let selected = registry::select(projections, &config.only, &config.except)?;
        runner::run(runner::Runner::new(selected, &config, &log, &pool, &tasks)).await;
        Ok(())
    };
    tokio::try_join!(serve, project).map(|((), ())| ())
}

async fn checks(log: &Log, pool: &PgPool) -> Vec<Check> {
    let database = sqlx::query("SELECT FROM diagent.checkpoints LIMIT 1").execute(pool);
    let (database, log) = tokio::join!(Check::of("database", database), Check::of("log", log.ping()));
    vec![database, log]
}
