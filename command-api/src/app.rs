//! The one state that all handlers share.

use std::{ops::Deref, sync::Arc, time::Duration};

use edge::{Tasks, operator::OperatorKey};
use events::{
    AgentId, Log, Subject, Timestamp,
    agent::AgentDefinition,
    cloud_event::Meta,
    directory::Directory,
    log::{ExecuteError, Receipt, Revocations, Stored},
};
use tokio::sync::Semaphore;

use crate::{
    RunError,
    config::{Config, LimitsConfig, ReverbConfig},
    error::ApiError,
    guard::{client_ip::TrustedProxies, token::WidgetKeys},
    metrics,
    pusher::{Live, app_key::AppKey},
};

/// Everything that a request may need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    pub log: Log,
    pub directory: Directory,
    pub revocations: Revocations,
    pub widget_keys: WidgetKeys,
    pub operators: OperatorKey,
    pub limits: LimitsConfig,
    pub trusted_proxies: TrustedProxies,
    pub reverb: ReverbConfig,
    pub app_key: AppKey,
    pub live: Live,
    pub sync_answer_timeout: Duration,
    pub stream_drain_grace: Duration,
    /// The turn of a write that was stored after its visitor was erased, see [`crate::guard::visitor::Visitor::settle`].
    pub late_erasures: Semaphore,
    pub tasks: Tasks,
}

impl App {
    /// Brings everything together; returns when all agents, workspaces and revocations are known.
    ///
    /// # Errors
    /// A secret is missing or short, or the log cannot be read.
    pub async fn build(config: Config, log: Log, tasks: Tasks) -> Result<Self, RunError> {
        let keys = config.keys()?;
        let directory = Directory::follow(&log).await?;
        let revocations = log.revocations().await?;
        let live = Live::follow(&log, &revocations, config.reverb.place_limits()).await?;
        Ok(Self(Arc::new(Parts {
            log,
            directory,
            revocations,
            widget_keys: keys.widget,
            operators: keys.operators,
            limits: config.limits,
            trusted_proxies: config.trusted_proxies,
            reverb: config.reverb,
            app_key: keys.app,
            live,
            sync_answer_timeout: config.sync_answer_timeout,
            stream_drain_grace: config.stream_drain_grace,
            late_erasures: Semaphore::new(1),
            tasks,
        })))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.log.clock().now()
    }

    /// The agent, as visitors see it: one that is not published does not exist.
    ///
    /// # Errors
    /// `agent_not_found`.
    pub fn published_agent(&self, agent_id: AgentId) -> Result<Arc<AgentDefinition>, ApiError> {
        self.directory
            .agent(agent_id)
            .filter(|agent| agent.published)
            .ok_or(ApiError::AgentNotFound)
    }

    /// Decides a command and stores what it changes, with the time it took.
    ///
    /// # Errors
    /// The aggregate's refusal as the caller sees it, or `log_unavailable`.
    pub async fn execute<A: Stored>(
        &self,
        subject: &Subject,
        command: A::Command,
        meta: &Meta,
    ) -> Result<Receipt<A>, ApiError>
    where
        ApiError: From<ExecuteError<A::Error>>,
    {
        Ok(metrics::timed(A::TYPE, self.log.execute::<A>(subject, command, meta)).await?)
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
