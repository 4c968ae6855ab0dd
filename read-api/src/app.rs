//! The one state, built in one function, cheap to clone.

use std::time::Duration;

use edge::{Tasks, operator::OperatorKey};
use events::{Log, directory::Directory};
use sqlx::PgPool;

use crate::{Config, RunError};

/// What every endpoint may use.
#[derive(Clone)]
pub struct App {
    pub log: Log,
    pub pool: PgPool,
    pub directory: Directory,
    pub operators: OperatorKey,
    pub tasks: Tasks,
    pub min_position_timeout: Duration,
}

impl App {
    /// The state of one running role.
    ///
    /// # Errors
    /// The secret is missing or short, or the log cannot be read.
    pub async fn build(config: &Config, log: Log, pool: PgPool, tasks: Tasks) -> Result<Self, RunError> {
        let secret = config.operator_jwt_secret.as_ref().ok_or(RunError::SecretMissing)?;
        Ok(Self {
            operators: OperatorKey::new(secret.expose())?,
            directory: Directory::follow(&log).await?,
            min_position_timeout: config.min_position_timeout(),
            log,
            pool,
            tasks,
        })
    }
}
