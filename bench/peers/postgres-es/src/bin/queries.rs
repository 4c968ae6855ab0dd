//! Keeps a read model with cqrs-es's own queries for Postgres, one update of a view per event, by as many workers at once as
//! `WRITERS` says; prints events per second. The events stand in the file `EVENTS`, one JSON object a line, and come again and
//! again. The queries are called directly: nothing is appended, and nothing read from a store. They do not wait for the disk, as
//! Diagent's read models do not.

use std::{
    fs, process,
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, Query as _, View, event_sink::EventSink, persist::GenericQuery};
use futures::future::join_all;
use postgres_es::PostgresViewRepository;
use postgres_es_peer::{connect, number, variable};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgConnectOptions};

/// As in the `db/init.sql` of postgres-es.
const TABLE: &str = "DROP TABLE IF EXISTS telemetry_views;
    CREATE TABLE telemetry_views (
        view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL, payload json NOT NULL, PRIMARY KEY (view_id)
    )";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let writers = number("WRITERS")?;
    let lasting = Duration::from_millis(u64::try_from(number("MILLISECONDS")?)?);
    let events = fs::read_to_string(variable("EVENTS")?)?;
    let events: Vec<Recorded> = events.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let options: PgConnectOptions = variable("DATABASE_URL")?.parse()?;
    let pool = connect(options.options([("synchronous_commit", "off")]), writers).await?;
    sqlx::raw_sql(TABLE).execute(&pool).await?;

    let query = query(pool);
    let started = Instant::now();
    let loops = (0..writers).map(|writer| {
        let (query, events) = (&query, &events);
        async move {
            let mut counted = 0;
            for event in events.iter().skip(writer).step_by(writers).cycle() {
                if started.elapsed() >= lasting {
                    break;
                }
                counted += 1;
                // Two that change a view at once would lose an update: each worker has views of its own, as each partition has.
                query.dispatch(&event.view_id(writer), &[event.envelope(counted)]).await;
            }
            counted
        }
    });
    let events: usize = join_all(loops).await.into_iter().sum();
    println!("{}", events as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

type CountQuery = GenericQuery<PostgresViewRepository<Count, Visitor>, Count, Visitor>;

fn query(pool: PgPool) -> CountQuery {
    let mut query = CountQuery::new(Arc::new(PostgresViewRepository::new("telemetry_views", pool)));
    // An event that is not counted is no event that was counted fast.
    query.use_error_handler(Box::new(|error| {
        eprintln!("a view is not updated: {error}");
        process::exit(1)
    }));
    query
}

/// What one telemetry event says to a read model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Recorded {
    agent_id: String,
    day: String,
    event: String,
    rule_id: String,
    page: String,
}

impl Recorded {
    /// What Diagent's rows are told apart by.
    fn view_id(&self, writer: usize) -> String {
        let Self {
            agent_id,
            day,
            event,
            rule_id,
            page,
        } = self;
        format!("{agent_id}|{day}|{event}|{rule_id}|{page}|{writer}")
    }

    fn envelope(&self, sequence: usize) -> EventEnvelope<Visitor> {
        EventEnvelope {
            aggregate_id: self.agent_id.clone(),
            sequence,
            payload: self.clone(),
            metadata: Default::default(),
        }
    }
}

/// One row of the read model.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Count {
    #[serde(flatten)]
    of: Option<Recorded>,
    count: u64,
}

impl View<Visitor> for Count {
    fn update(&mut self, event: &EventEnvelope<Visitor>) {
        self.of.get_or_insert_with(|| event.payload.clone());
        self.count += 1;
    }
}

impl DomainEvent for Recorded {
    fn event_type(&self) -> String {
        "Recorded".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// What the queries' types ask for.
#[derive(Default, Serialize, Deserialize)]
struct Visitor;

impl Aggregate for Visitor {
    const TYPE: &'static str = "visitor";
    type Command = ();
    type Event = Recorded;
    type Error = std::convert::Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn apply(&mut self, _: Self::Event) {}
}
