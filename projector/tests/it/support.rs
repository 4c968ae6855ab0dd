//! A log, a database, projectors that can be started, drained and killed, and facts to put into the log.

use std::{num::NonZeroUsize, time::Duration};

use edge::Tasks;
use embedded::testing::{self, TestNats};
use events::{
    AgentId, Clock, ConversationId, Log, MessageId, Position, Subject, Timestamp, VisitorId, WorkspaceId,
    cloud_event::Meta,
    conversation::{Citation, ConversationEvent, FinishReason},
    log::LogConfig,
    telemetry::TelemetryEvent,
    visitor::VisitorEvent,
};
use projector::{Config, Registered, Stores, registry};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) const AGENT: AgentId = AgentId::from_bits(7);
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId::from_bits(5);
const PARTITIONS: u16 = 2;
const DEADLINE: Duration = Duration::from_mins(2);

/// A log and a database of one's own.
pub(crate) struct Bench {
    pub(crate) nats: TestNats,
    pub(crate) log: Log,
    pub(crate) pool: PgPool,
    database: String,
}

impl Bench {
    /// With the product's tables.
    pub(crate) async fn start() -> Self {
        let database = testing::database_from_template("projector", async |url| {
            let pool = PgPool::connect(&url).await.expect("the template");
            projector::migrate(&pool).await.expect("the tables");
            pool.close().await;
        })
        .await;
        let nats = testing::nats().await;
        Self {
            log: connect(nats.url()).await,
            pool: pool(database.url()).await,
            database: database.url().to_owned(),
            nats,
        }
    }

    /// Connects to whatever log there is now.
    pub(crate) async fn reconnect(&mut self) {
        self.log = connect(self.nats.url()).await;
    }

    /// A process with all projections.
    pub(crate) fn projector(&self) -> Process {
        self.projector_of(registry::all, &[])
    }

    /// A process with these of the product's projections.
    pub(crate) fn projector_only(&self, only: &[&str]) -> Process {
        self.projector_of(registry::all, only)
    }

    /// A process with projections of the test.
    pub(crate) fn projector_of(&self, projections: fn() -> Vec<Registered>, only: &[&str]) -> Process {
        let config = config(only);
        let (nats, database) = (self.nats.url().to_owned(), self.database.clone());
        let tasks = Tasks::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let ours = tasks.clone();
        runtime.spawn(async move {
            let (log, pool) = (connect(&nats).await, pool(&database).await);
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            projector::run_projections(projections(), config, Stores { log, pool }, listener, ours)
                .await
                .expect("it runs");
        });
        Process {
            tasks,
            runtime: Some(runtime),
        }
    }

    /// Waits until workers know what `version` of `projection` has to read.
    pub(crate) async fn version_opened(&self, projection: &str, version: i32) {
        let sql = "SELECT EXISTS (SELECT FROM diagent.checkpoints WHERE projection = $1 AND version = $2)";
        until(&format!("{projection} v{version} is opened"), async || {
            let query = sqlx::query_scalar(sql).bind(projection).bind(version);
            query.fetch_one(&self.pool).await.expect("its checkpoints")
        })
        .await;
    }

    /// Waits until the live version of `projection` has applied all that is in the log now.
    pub(crate) async fn caught_up(&self, projection: &str) {
        let sql = "SELECT version FROM diagent.versions WHERE projection = $1 AND live";
        let version: i32 = sqlx::query_scalar(sql)
            .bind(projection)
            .fetch_one(&self.pool)
            .await
            .expect("a live version");
        self.version_caught_up(projection, version).await;
    }

    /// Waits until `version` of `projection` has applied all that is in the log now.
    pub(crate) async fn version_caught_up(&self, projection: &str, version: i32) {
        let registered = registry::all()
            .into_iter()
            .find(|registered| registered.name == projection);
        let partitions: Vec<_> = match &registered {
            Some(registered) => projector::versions::partitions_of(registered, PARTITIONS).collect(),
            None => (0..PARTITIONS).map(events::Partition::Events).collect(),
        };
        for partition in partitions {
            let last = self.log.last_sequence(partition).await.expect("the log");
            until(
                &format!("{projection} v{version} passes {partition}:{last}"),
                async || {
                    self.checkpoint(projection, version, &partition.to_string()).await
                        >= Some(i64::try_from(last).expect("small"))
                },
            )
            .await;
        }
    }

    /// How far a partition is.
    pub(crate) async fn checkpoint(&self, projection: &str, version: i32, partition: &str) -> Option<i64> {
        let sql = "SELECT sequence FROM diagent.checkpoints WHERE projection = $1 AND version = $2 AND partition = $3";
        let query = sqlx::query_scalar(sql).bind(projection).bind(version).bind(partition);
        query.fetch_optional(&self.pool).await.expect("the checkpoint")
    }

    /// A number from the database.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect(sql)
    }

    /// A column of texts from the database.
    pub(crate) async fn texts(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&self.pool).await.expect(sql)
    }

    /// Appends facts of one subject.
    pub(crate) async fn append<E: facts::Fact>(&self, subject: &Subject, events: &[E]) -> Position {
        E::append(&self.log, subject, events).await
    }

    /// `count` telemetry events of `visitors` visitors.
    pub(crate) async fn telemetry(&self, visitors: u64, count: usize) {
        let appends = (0..visitors).map(|visitor| {
            let events = vec![clicked(); count / usize::try_from(visitors).expect("few")];
            let subject = Subject::Telemetry {
                agent_id: AGENT,
                visitor_id: VisitorId::from_bits(visitor.into()),
            };
            async move {
                for events in events.chunks(500) {
                    self.append(&subject, events).await;
                }
            }
        });
        futures::future::join_all(appends).await;
    }
}

/// The kinds of facts that tests append, without naming the trait behind them.
pub(crate) mod facts {
    use super::{ConversationEvent, Log, Position, Subject, TelemetryEvent, VisitorEvent, meta};

    pub(crate) trait Fact: Sized {
        fn append(log: &Log, subject: &Subject, events: &[Self]) -> impl Future<Output = Position>;
    }

    macro_rules! facts {
        ($($event:ty),*) => {$(
            impl Fact for $event {
                async fn append(log: &Log, subject: &Subject, events: &[Self]) -> Position {
                    log.append(subject, events, &meta()).await.expect("appended")
                }
            }
        )*};
    }
    facts!(
        ConversationEvent,
        VisitorEvent,
        TelemetryEvent,
        events::lead::LeadEvent,
        events::document::DocumentEvent,
        events::agent::AgentEvent
    );
}

/// A projector process. Dropping it is `kill -9`.
pub(crate) struct Process {
    tasks: Tasks,
    runtime: Option<Runtime>,
}

impl Process {
    /// SIGTERM.
    pub(crate) async fn stop(mut self) {
        self.tasks.start_drain();
        assert!(self.tasks.drained(DEADLINE).await, "it drains");
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// `kill -9`: nothing is said, nothing is let go.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Small batches, so that a test has many.
fn config(only: &[&str]) -> Config {
    Config {
        projector_addr: ([127, 0, 0, 1], 0).into(),
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        except: vec![],
        projector_batch_events: NonZeroUsize::new(20).expect("not zero"),
        projector_batch_linger_ms: 5,
    }
}

async fn connect(url: &str) -> Log {
    let config = LogConfig {
        nats_url: url.to_owned(),
        partitions: PARTITIONS,
        replicas: 1,
        role: "test",
    };
    Log::connect(&config, Clock::default()).await.expect("a log")
}

pub(crate) async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(8)
        .connect(url)
        .await
        .expect("a database")
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "never: {what}");
}

/// A visitor with one conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Someone {
    pub(crate) visitor_id: VisitorId,
    pub(crate) conversation_id: ConversationId,
}

impl Someone {
    /// In partition `partition`.
    pub(crate) fn in_partition(partition: u16) -> Self {
        let visitor_id = std::iter::repeat_with(VisitorId::generate)
            .find(|id| events::Partition::of(*id, PARTITIONS) == events::Partition::Events(partition))
            .expect("there are as many as one likes");
        Self {
            visitor_id,
            conversation_id: ConversationId::generate(),
        }
    }

    pub(crate) fn visitor(&self) -> Subject {
        Subject::Visitor {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
        }
    }

    pub(crate) fn conversation(&self) -> Subject {
        Subject::Conversation {
            agent_id: AGENT,
            visitor_id: self.visitor_id,
            conversation_id: self.conversation_id,
        }
    }

    pub(crate) fn started(&self) -> VisitorEvent {
        VisitorEvent::ConversationStarted {
            conversation_id: self.conversation_id,
            locale: Some("en".to_owned()),
            page_url: Some("https://shop.example/pricing".into()),
            at: now(),
        }
    }
}

pub(crate) fn posted(text: &str) -> ConversationEvent {
    posted_for(text, MessageId::generate())
}

pub(crate) fn posted_for(text: &str, answer_id: MessageId) -> ConversationEvent {
    ConversationEvent::MessagePosted {
        message_id: MessageId::generate(),
        answer_id: Some(answer_id),
        client_message_id: None,
        content: text.into(),
        page_url: None,
        page_context: None,
        at: now(),
    }
}

pub(crate) fn answered(message_id: MessageId, text: &str, low_confidence: bool) -> ConversationEvent {
    ConversationEvent::MessageAnswered {
        message_id,
        content: text.into(),
        citations: vec![Citation {
            id: 1,
            url: "https://shop.example/refunds".to_owned(),
            title: None,
            snippet: None,
        }],
        low_confidence,
        finish_reason: FinishReason::Complete,
        answerer: "extractive".to_owned(),
        usage: None,
        first_token_ms: Some(12),
        at: now(),
    }
}

pub(crate) fn clicked() -> TelemetryEvent {
    TelemetryEvent::Recorded {
        event: "cta.click".to_owned(),
        rule_id: None,
        conversation_id: ConversationId::from_bits(1),
        page_url: Some("https://shop.example/pricing?utm=1".into()),
        metadata: None,
        at: now(),
    }
}

pub(crate) fn meta() -> Meta {
    Meta {
        workspace_id: Some(WORKSPACE),
        ..Meta::default()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000)
}

/// All rows of all tables of the schema that `connection` is on, in an order of their own.
pub(crate) async fn dump(connection: &mut sqlx::PgConnection) -> Vec<(String, serde_json::Value)> {
    let sql = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut *connection)
        .await
        .expect("the tables");
    let mut all = Vec::new();
    for table in tables {
        let sql = format!("SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]') FROM {table} AS t");
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .expect("the rows");
        all.push((table, rows));
    }
    all
}
