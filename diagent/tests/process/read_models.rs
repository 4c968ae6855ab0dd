//! Projectors as processes on a log and a database of the test's own, a load on the log, and the proof that the rows are what
//! a fresh fold of the log makes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

use embedded::testing::{self, TestNats, TestPostgres};
use events::{
    AgentId, Clock, ConversationId, LeadId, Log, MessageId, Partition, Subject, Timestamp, VisitorId, WorkspaceId,
    cloud_event::Meta,
    conversation::{ConversationEvent, FinishReason},
    lead::LeadEvent,
    log::LogConfig,
    telemetry::TelemetryEvent,
};
use futures::StreamExt as _;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};

use crate::support::{Folder, Process, free_addresses, until};

pub(crate) const PARTITIONS: u16 = 8;
const AGENT: AgentId = AgentId::from_bits(7);

/// Servers of one test.
pub(crate) struct Bench {
    pub(crate) nats: TestNats,
    pub(crate) postgres: TestPostgres,
    pub(crate) log: Log,
    pub(crate) pool: PgPool,
    folder: Folder,
}

/// A projector, and where it says how it is.
pub(crate) struct Projector {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Bench {
    pub(crate) async fn start(name: &str) -> Self {
        let (nats, postgres) = (testing::nats().await, testing::own_postgres().await);
        Self {
            log: connect(nats.url()).await,
            // Connections are made when they are needed, and made anew after a restart.
            pool: PgPoolOptions::new()
                .max_connections(4)
                .connect_lazy(&postgres.url())
                .expect("an address"),
            nats,
            postgres,
            folder: Folder::new(name),
        }
    }

    /// Starts a projector with further arguments.
    pub(crate) fn projector(&self, arguments: &[&str]) -> Projector {
        let [address] = free_addresses();
        let arguments: Vec<&str> = [&["projector"], arguments].concat();
        let process = self.run(&arguments, &address);
        Projector { process, address }
    }

    /// Runs a command to its end; answers what it said.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let [address] = free_addresses();
        let mut process = self.run(arguments, &address);
        let status = process.ended().await;
        assert!(status.success(), "{arguments:?} {status}: {}", process.said());
        process.said()
    }

    fn run(&self, arguments: &[&str], address: &str) -> Process {
        let database = self.postgres.url();
        let environment = [
            ("NATS_URL", self.nats.url()),
            ("DATABASE_URL", &database),
            ("PROJECTOR_ADDR", address),
        ];
        let output = self.folder.path(&address.replace(':', "-"));
        Process::start(arguments, &environment, &output)
    }

    /// The log, connected to anew.
    pub(crate) async fn reconnect(&mut self) {
        self.log = connect(self.nats.url()).await;
    }

    /// How many partitions of telemetry each live worker has, in ascending order.
    pub(crate) async fn shares(&self) -> Vec<i64> {
        const SHARES: &str = "SELECT count(*) FROM read.checkpoints
            WHERE projection = 'telemetry' AND owner IS NOT NULL GROUP BY owner ORDER BY 1";
        // Before the first projector there are no tables, and while the database is away there is no answer.
        sqlx::query_scalar(SHARES)
            .fetch_all(&self.pool)
            .await
            .unwrap_or_default()
    }

    /// The consumers of all partitions, as `stream/consumer`, by projection.
    pub(crate) async fn consumers(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut consumers: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for partition in Partition::all(PARTITIONS) {
            let stream = self.log.stream(partition).await.expect("the stream");
            let mut names = stream.consumer_names();
            while let Some(Ok(consumer)) = names.next().await {
                if let Some((projection, _)) = consumer.split_once("_v") {
                    let of = consumers.entry(projection.to_owned()).or_default();
                    of.insert(format!("{}/{consumer}", partition.stream()));
                }
            }
        }
        consumers
    }

    /// Whether `version` of `projection` was made.
    pub(crate) async fn has_version(&self, projection: &str, version: i32) -> bool {
        let sql = "SELECT EXISTS (SELECT FROM diagent.versions WHERE projection = $1 AND version = $2)";
        let query = sqlx::query_scalar(sql).bind(projection).bind(version);
        query.fetch_one(&self.pool).await.unwrap_or_default()
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect(sql)
    }

    pub(crate) async fn texts(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&self.pool).await.expect(sql)
    }

    /// Waits until `version` of `projection` has applied all that is in the log now.
    pub(crate) async fn caught_up(&self, projection: &str, version: i32) {
        for partition in (0..PARTITIONS).map(Partition::Events) {
            let last = self.last_sequence(partition).await;
            let sql =
                "SELECT sequence FROM diagent.checkpoints WHERE projection = $1 AND version = $2 AND partition = $3";
            let what = format!("{projection} v{version} passes {partition}:{last}");
            until(&what, async || {
                let sequence: Option<i64> = sqlx::query_scalar(sql)
                    .bind(projection)
                    .bind(version)
                    .bind(partition.to_string())
                    .fetch_optional(&self.pool)
                    .await
                    .unwrap_or_default();
                sequence >= Some(last)
            })
            .await;
        }
    }

    /// The end of a partition, when there is a log to ask.
    async fn last_sequence(&self, partition: Partition) -> i64 {
        until("the log answers", async || {
            self.log.last_sequence(partition).await.is_ok()
        })
        .await;
        let last = self.log.last_sequence(partition).await.expect("the log");
        i64::try_from(last).expect("small")
    }

    /// Folds the whole log again beside the live rows of each of `projections`, and compares.
    pub(crate) async fn equals_a_fresh_fold(&self, projections: &[&str]) {
        for projection in projections {
            self.command(&["projections", "rebuild", projection, "--no-wait"]).await;
            let sql =
                "SELECT version FROM diagent.versions WHERE projection = $1 ORDER BY live DESC, version DESC LIMIT 2";
            let versions: Vec<i32> = sqlx::query_scalar(sql)
                .bind(*projection)
                .fetch_all(&self.pool)
                .await
                .expect("its versions");
            let [live, fresh] = versions[..] else {
                panic!("{projection} has {versions:?}")
            };
            self.caught_up(projection, fresh).await;
            self.caught_up(projection, live).await;
            let (live, fresh) = (self.rows(projection, live).await, self.rows(projection, fresh).await);
            assert!(live == fresh, "the rows of {projection} are not those of a fresh fold");
            assert!(live.values().all(|rows| !rows.is_empty()), "{projection} has rows");
        }
    }

    /// All rows of a version, by table.
    async fn rows(&self, projection: &str, version: i32) -> BTreeMap<String, Vec<String>> {
        let schema = format!("{projection}_v{version}");
        let sql = "SELECT table_name::text FROM information_schema.tables
            WHERE table_schema = $1 AND table_type = 'BASE TABLE'";
        let tables: Vec<String> = sqlx::query_scalar(sql)
            .bind(&schema)
            .fetch_all(&self.pool)
            .await
            .expect("the tables");
        let mut rows = BTreeMap::new();
        for table in tables {
            let sql = AssertSqlSafe(format!("SELECT t::text FROM {schema}.{table} AS t ORDER BY 1"));
            let all = sqlx::query_scalar(sql).fetch_all(&self.pool).await.expect("the rows");
            rows.insert(table, all);
        }
        rows
    }

    /// Writes one visitor's stay: 13 events.
    pub(crate) async fn visit(&self) {
        visit(&self.log, VisitorId::generate()).await.expect("written");
    }

    /// Writes a stay to each of `partitions`.
    pub(crate) async fn visits(&self, partitions: impl IntoIterator<Item = u16>) {
        for partition in partitions {
            let visitor_id = std::iter::repeat_with(VisitorId::generate)
                .find(|id| Partition::of(*id, PARTITIONS) == Partition::Events(partition))
                .expect("there are as many as one likes");
            visit(&self.log, visitor_id).await.expect("written");
        }
    }
}

/// One visitor's stay: clicks, a question with its answer, a lead.
pub(crate) async fn visit(log: &Log, visitor_id: VisitorId) -> Result<(), events::log::LogError> {
    let (agent_id, conversation_id) = (AGENT, ConversationId::generate());
    let (at, message_id) = (Timestamp::from_unix_millis(1_790_000_000_000), MessageId::generate());
    let meta = Meta {
        workspace_id: Some(WorkspaceId::from_bits(5)),
        ..Meta::default()
    };
    let click = TelemetryEvent::Recorded {
        event: "cta.click".to_owned(),
        rule_id: None,
        conversation_id,
        page_url: Some("https://shop.example/pricing?utm=1".into()),
        metadata: None,
        at,
    };
    let clicks = Subject::Telemetry { agent_id, visitor_id };
    log.append(&clicks, &vec![click; 10], &meta).await?;
    let talk = [
        ConversationEvent::MessagePosted {
            message_id: MessageId::generate(),
            answer_id: Some(message_id),
            client_message_id: None,
            content: "How long does it take?".into(),
            page_url: None,
            page_context: None,
            at,
        },
        ConversationEvent::MessageAnswered {
            message_id,
            content: "Two days.".into(),
            citations: vec![],
            low_confidence: false,
            finish_reason: FinishReason::Complete,
            answerer: "extractive".to_owned(),
            usage: None,
            first_token_ms: None,
            at,
        },
    ];
    let conversation = Subject::Conversation {
        agent_id,
        visitor_id,
        conversation_id,
    };
    log.append(&conversation, &talk, &meta).await?;
    let lead = Subject::Lead {
        agent_id,
        visitor_id,
        lead_id: LeadId::from_bits(visitor_id.bits() % 50),
    };
    let captured = LeadEvent::Captured {
        conversation_id,
        email: format!("lead{}@example.com", visitor_id.bits() % 50).into(),
        name: None,
        phone: None,
        fields: [].into(),
        consent: None,
        at,
    };
    log.append(&lead, &[captured], &meta).await?;
    Ok(())
}

/// Visitors who come as long as the value lives.
#[derive(Default)]
pub(crate) struct Load {
    is_over: AtomicBool,
}

impl Load {
    /// Writes until [`Load::end`]; who cannot be written now is not counted, and comes again.
    pub(crate) async fn run(&self, log: &Log) {
        while !self.is_over.load(Ordering::Relaxed) {
            let visits = (0..8).map(|_| visit(log, VisitorId::generate()));
            drop(futures::future::join_all(visits).await);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

pub(crate) async fn connect(url: &str) -> Log {
    let config = LogConfig {
        nats_url: url.to_owned(),
        partitions: PARTITIONS,
        replicas: 1,
        role: "test",
    };
    Log::connect(&config, Clock::default()).await.expect("a log")
}
