//! Agents and workspaces in memory, following CONTROL live: what the hot path needs is never asked for.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    AgentId, Log, LogEvent, Partition, Recorded, Subject, WorkspaceId,
    agent::{AgentDefinition, AgentEvent},
    log::{LogError, at_start},
    workspace::{WorkspaceDefinition, WorkspaceEvent},
};

/// How long a starting process waits until everything is known, also when the server goes away meanwhile.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(30);
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Every agent and workspace as last defined. Cheap to clone; follows the log until the last clone is dropped.
#[derive(Clone)]
pub struct Directory {
    log: Log,
    shared: Arc<Shared>,
    _follower: Arc<AbortOnDropHandle<()>>,
}

struct Shared {
    entries: RwLock<Entries>,
    /// The last sequence of CONTROL that is in `entries`.
    applied: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    agents: HashMap<AgentId, Arc<AgentDefinition>>,
    workspaces: HashMap<WorkspaceId, Arc<WorkspaceDefinition>>,
}

impl Directory {
    /// Begins to follow CONTROL; returns when everything that stands there is known.
    ///
    /// # Errors
    /// The log cannot be read.
    #[expect(clippy::disallowed_methods, reason = "the follower ends with its handle")]
    pub async fn follow(log: &Log) -> Result<Self, LogError> {
        let shared = Arc::new(Shared {
            entries: RwLock::default(),
            applied: watch::Sender::new(0),
        });
        let last = at_start(|| log.last_sequence(Partition::Control)).await?;
        let follower = tokio::spawn(follow(log.clone(), Arc::clone(&shared)));
        let directory = Self {
            log: log.clone(),
            shared,
            _follower: Arc::new(AbortOnDropHandle::new(follower)),
        };
        directory.applied(last, CATCH_UP_TIMEOUT).await?;
        Ok(directory)
    }

    /// The agent as last defined, published or not.
    pub fn agent(&self, agent_id: AgentId) -> Option<Arc<AgentDefinition>> {
        self.shared
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .agents
            .get(&agent_id)
            .cloned()
    }

    /// The agent as last defined, also when that was a moment ago by another instance: before it says that there is none, the log
    /// is asked. Not for the hot path, where strangers make agents up.
    ///
    /// # Errors
    /// The log cannot be asked, or what it has does not come within five seconds.
    pub async fn find_agent(&self, agent_id: AgentId) -> Result<Option<Arc<AgentDefinition>>, LogError> {
        if let Some(agent) = self.agent(agent_id) {
            return Ok(Some(agent));
        }
        let subject = Subject::Agent { agent_id }.text(self.log.partitions());
        let defined = self.log.newest(Partition::Control, &subject).await?;
        self.wait_for(defined).await?;
        Ok(self.agent(agent_id))
    }

    /// The workspace as last defined.
    pub fn workspace(&self, workspace_id: WorkspaceId) -> Option<Arc<WorkspaceDefinition>> {
        self.shared
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .workspaces
            .get(&workspace_id)
            .cloned()
    }

    /// Every agent, in no order.
    pub fn agents(&self) -> Vec<(AgentId, Arc<AgentDefinition>)> {
        let entries = self.shared.entries.read().unwrap_or_else(PoisonError::into_inner);
        let all = entries.agents.iter();
        all.map(|(agent_id, agent)| (*agent_id, Arc::clone(agent))).collect()
    }

    /// Every agent of a workspace, in no order.
    pub fn agents_of(&self, workspace_id: WorkspaceId) -> Vec<(AgentId, Arc<AgentDefinition>)> {
        let entries = self.shared.entries.read().unwrap_or_else(PoisonError::into_inner);
        let own = entries
            .agents
            .iter()
            .filter(|(_, agent)| agent.workspace_id == workspace_id);
        own.map(|(agent_id, agent)| (*agent_id, Arc::clone(agent))).collect()
    }

    /// Returns when the definition at `sequence` of CONTROL is known here. Not for pages, which stand there too and are not followed.
    ///
    /// # Errors
    /// It is not within five seconds.
    pub async fn wait_for(&self, sequence: u64) -> Result<(), LogError> {
        self.applied(sequence, WAIT_TIMEOUT).await
    }

    async fn applied(&self, sequence: u64, timeout: Duration) -> Result<(), LogError> {
        let mut applied = self.shared.applied.subscribe();
        match tokio::time::timeout(timeout, applied.wait_for(|applied| *applied >= sequence)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(LogError::Unacknowledged),
        }
    }
}

impl Shared {
    fn apply(&self, recorded: Recorded) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match (recorded.subject, recorded.event) {
            (Subject::Agent { agent_id }, LogEvent::Agent(AgentEvent::Defined { definition, .. })) => {
                entries.agents.insert(agent_id, Arc::from(definition));
            }
            (Subject::Workspace { workspace_id }, LogEvent::Workspace(WorkspaceEvent::Defined { definition, .. })) => {
                entries.workspaces.insert(workspace_id, Arc::new(definition));
            }
            _ => {}
        }
    }
}

async fn follow(log: Log, shared: Arc<Shared>) {
    loop {
        if let Err(error) = follow_once(&log, &shared).await {
            tracing::warn!(%error, "the directory is not followed for a moment");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Reads the whole of CONTROL's workspaces and agents, each once, then what comes. Documents are not delivered, so the end
/// of what stands is taken from the stream and not from a message.
async fn follow_once(log: &Log, shared: &Shared) -> Result<(), async_nats::Error> {
    let stream = log.stream(Partition::Control).await?;
    let end = log.last_sequence(Partition::Control).await?;
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::LastPerSubject,
        filter_subjects: vec!["ctl.workspace.>".to_owned(), "ctl.agent.>".to_owned()],
        ..pull::OrderedConfig::default()
    };
    let mut consumer = stream.create_consumer(config).await?;
    if consumer.info().await?.num_pending == 0 {
        shared.advance(end);
    }
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let info = message.info()?;
        match Recorded::from_message(&message) {
            Ok(recorded) => shared.apply(recorded),
            // One definition of a newer binary must not hide all others.
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a definition cannot be read"),
        }
        shared.advance(if info.pending == 0 {
            info.stream_sequence.max(end)
        } else {
            0
        });
    }
    Ok(())
}

impl Shared {
    /// Definitions of one subject may come out of order across subjects while catching up, so only the end counts.
    fn advance(&self, sequence: u64) {
        self.applied.send_if_modified(|applied| {
            let ahead = sequence > *applied;
            *applied = (*applied).max(sequence);
            ahead
        });
    }
}
