//! Appends with cqrs-es's own store for Postgres, as many at once as `WRITERS` says, each to a stream of its own; prints events
//! per second. The store is called directly: no aggregate is loaded first, as its framework would.

use std::time::{Duration, Instant};

use cqrs_es::{
    Aggregate, DomainEvent,
    event_sink::EventSink,
    persist::{PersistedEventRepository as _, SerializedEvent},
};
use futures::future::try_join_all;
use postgres_es::PostgresEventRepository;
use postgres_es_peer::{connect, number, variable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// As in the `db/init.sql` of postgres-es.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS events (
        aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
        event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence)
    )";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (writers, batch) = (number("WRITERS")?, number("BATCH")?);
    let lasting = Duration::from_millis(u64::try_from(number("MILLISECONDS")?)?);
    let event: Value = serde_json::from_str(&variable("EVENT")?)?;
    let pool = connect(variable("DATABASE_URL")?.parse()?, writers).await?;
    sqlx::raw_sql(TABLE).execute(&pool).await?;
    let repository = PostgresEventRepository::new(pool);

    let started = Instant::now();
    let loops = (0..writers).map(|number| {
        let writer = Writer {
            repository: &repository,
            stream: format!("{}-{number}", std::process::id()),
            event: &event,
            batch,
        };
        async move { writer.append_until(started + lasting).await }
    });
    let events: usize = try_join_all(loops).await?.into_iter().sum();
    println!("{}", events as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

struct Writer<'a> {
    repository: &'a PostgresEventRepository,
    stream: String,
    event: &'a Value,
    batch: usize,
}

impl Writer<'_> {
    /// The store refuses a sequence that exists, so that each append is checked against everybody else's.
    async fn append_until(&self, deadline: Instant) -> anyhow::Result<usize> {
        let mut sequence = 0;
        while Instant::now() < deadline {
            let events: Vec<SerializedEvent> = (1..=self.batch).map(|index| self.event(sequence + index)).collect();
            self.repository.persist::<Stream>(&events, None).await?;
            sequence += self.batch;
        }
        Ok(sequence)
    }

    fn event(&self, sequence: usize) -> SerializedEvent {
        SerializedEvent::new(
            self.stream.clone(),
            sequence,
            Stream::TYPE.to_owned(),
            "Appended".to_owned(),
            "1".to_owned(),
            self.event.clone(),
            json!({}),
        )
    }
}

/// What the store's types ask for; only its name is used.
#[derive(Default, Serialize, Deserialize)]
struct Stream;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Appended;

impl DomainEvent for Appended {
    fn event_type(&self) -> String {
        "Appended".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Stream {
    const TYPE: &'static str = "visitor";
    type Command = ();
    type Event = Appended;
    type Error = std::convert::Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn apply(&mut self, _: Self::Event) {}
}
