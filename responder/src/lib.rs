//! Answers visitors' messages: takes turns from the log, retrieves passages from Postgres, streams frames over the bus, and
//! appends the finished answer.
//!
//! In reading order: `worker` (which turn, on which instance), `turn` (one turn from start to end), `retrieve` (passages),
//! `answer` (what is said: curated, small talk, extractive, or a model's), `prompt` (what a model is told), `speak` (saying
//! it), `stops` (until it is enough), `end` (the log first, then the last frame). `embed` makes the vectors of passages and
//! questions; `lookup` is for measuring what is found.
//!
//! Any number of instances may run. A turn whose responder dies is delivered again after four seconds.

mod acknowledge;
mod answer;
pub mod config;
mod embed;
mod end;
mod lookup;
mod metrics;
mod prompt;
mod retrieve;
mod speak;
mod stops;
mod turn;
mod worker;

use std::sync::Arc;

use edge::{
    ServeLimits, Tasks,
    health::{self, Check},
};
use events::{Log, directory::Directory, log::LogError};
use sqlx::PgPool;
use tokio::net::TcpListener;

use self::{answer::Answerer, embed::Questions, stops::Stops, worker::Worker};
pub use self::{
    config::Config,
    lookup::{Lookup, LookupError, Lookups},
};

const ROLE: &str = "responder";

/// Why the role could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    #[error("the model's client cannot be made")]
    Model(#[from] reqwest::Error),
    #[error("the health endpoint cannot be served")]
    Serve(#[from] std::io::Error),
}

/// Answers until the drain, then finishes the turns that run.
///
/// # Errors
/// The log cannot be read at the start, or the health endpoint cannot be served.
pub async fn run(config: Config, log: Log, pool: PgPool, listener: TcpListener, tasks: Tasks) -> Result<(), RunError> {
    metrics::describe();
    let directory = Directory::follow(&log).await?;
    let stops = Stops::follow(&log, &tasks);
    let answerer = Answerer::new(&config.model)?;
    let embedder = embed::Client::new(&config.embedding)?;
    let active = embed::keep_embedded(pool.clone(), embedder.clone(), &tasks);
    let questions = Questions::new(embedder, active, &config.embedding);
    let worker = Worker {
        log: log.clone(),
        pool: pool.clone(),
        directory,
        answerer,
        questions,
        stops,
        config,
        tasks: tasks.clone(),
    };
    worker::start(&Arc::new(worker));

    let checks = move || -> health::Checks {
        let (log, pool) = (log.clone(), pool.clone());
        Box::pin(async move {
            // The read models are made by a projector, in one transaction: before it no passage can be found.
            let read_models = sqlx::query("SELECT FROM read.checkpoints LIMIT 1").execute(&pool);
            let (log, postgres) = tokio::join!(Check::of("log", log.ping()), Check::of("postgres", read_models));
            vec![log, postgres]
        })
    };
    let router = edge::layers(health::router(ROLE, checks, edge::metrics::install()), ROLE);
    edge::serve(listener, router, &tasks, ServeLimits::default()).await?;
    Ok(())
}
