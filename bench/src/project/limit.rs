//! What the servers can do at best, without a projection: inserts of one row per event, and reads of the log.

use std::time::Instant;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use events::{Log, Partition};
use futures::{StreamExt as _, future::try_join_all};
use sqlx::{AssertSqlSafe, PgPool};

use super::{
    fill::Row,
    servers::{PARTITIONS, Servers},
};

const BATCH: usize = 1_000;

const TABLE: &str = "DROP TABLE IF EXISTS limit_rows;
    CREATE TABLE limit_rows (
        agent_id text NOT NULL, at timestamptz NOT NULL, event text NOT NULL, rule_id text NOT NULL, page text NOT NULL,
        partition integer NOT NULL, sequence bigint NOT NULL, PRIMARY KEY (partition, sequence)
    )";
/// How a projection writes that may meet an event twice.
const ON_CONFLICT: &str = "ON CONFLICT (partition, sequence) DO UPDATE SET event = excluded.event";
const INSERT: &str = "INSERT INTO limit_rows (agent_id, at, event, rule_id, page, partition, sequence)
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[])";

/// Rows per second: one row per event, in transactions of a thousand, by `connections` at once.
pub(crate) async fn insert(servers: &Servers, rows: &[Row], connections: u16) -> anyhow::Result<f64> {
    write(servers, rows, (INSERT, connections)).await
}

/// The same by one connection, where a row that is there already is written again.
pub(crate) async fn upsert(servers: &Servers, rows: &[Row]) -> anyhow::Result<f64> {
    write(servers, rows, (&format!("{INSERT} {ON_CONFLICT}"), 1)).await
}

async fn write(servers: &Servers, rows: &[Row], (statement, connections): (&str, u16)) -> anyhow::Result<f64> {
    sqlx::raw_sql(TABLE).execute(&servers.pool).await?;
    let share = rows.len().div_ceil(usize::from(connections));
    let started = Instant::now();
    let shares = rows.chunks(share).zip(0..);
    try_join_all(shares.map(|(rows, partition)| write_share(&servers.pool, statement, rows, partition))).await?;
    let took = started.elapsed();
    sqlx::query("DROP TABLE limit_rows").execute(&servers.pool).await?;
    Ok(per_second(rows.len(), took))
}

async fn write_share(pool: &PgPool, statement: &str, rows: &[Row], partition: i32) -> anyhow::Result<()> {
    let mut sequence = 0;
    for batch in rows.chunks(BATCH) {
        let mut transaction = pool.begin().await?;
        sqlx::query("SET LOCAL synchronous_commit = off")
            .execute(&mut *transaction)
            .await?;
        let sequences: Vec<i64> = batch.iter().zip(sequence..).map(|(_, sequence)| sequence).collect();
        sequence += i64::try_from(batch.len())?;
        sqlx::query(AssertSqlSafe(statement.to_owned()))
            .bind(batch.iter().map(|row| row.agent_id.as_str()).collect::<Vec<_>>())
            .bind(batch.iter().map(|row| row.at.to_offset_date_time()).collect::<Vec<_>>())
            .bind(batch.iter().map(|row| row.event).collect::<Vec<_>>())
            .bind(batch.iter().map(|row| row.rule_id).collect::<Vec<_>>())
            .bind(batch.iter().map(|row| row.page.as_str()).collect::<Vec<_>>())
            .bind(vec![partition; batch.len()])
            .bind(sequences)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Events of visitors per second: a consumer on each partition, and nothing done with what it brings.
pub(crate) async fn read(log: &Log) -> anyhow::Result<f64> {
    read_all(log, (0..PARTITIONS).map(Partition::Events)).await
}

/// Pages per second, in the same way.
pub(crate) async fn read_pages(log: &Log) -> anyhow::Result<f64> {
    read_all(log, [Partition::Control]).await
}

async fn read_all(log: &Log, partitions: impl IntoIterator<Item = Partition>) -> anyhow::Result<f64> {
    let started = Instant::now();
    let partitions = partitions.into_iter().map(|partition| read_partition(log, partition));
    let read: usize = try_join_all(partitions).await?.into_iter().sum();
    Ok(per_second(read, started.elapsed()))
}

async fn read_partition(log: &Log, partition: Partition) -> anyhow::Result<usize> {
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        memory_storage: true,
        ..pull::Config::default()
    };
    let consumer = log.stream(partition).await?.create_consumer(config).await?;
    let pending = usize::try_from(consumer.cached_info().num_pending)?;
    let messages = consumer.stream().max_messages_per_batch(BATCH).messages().await?;
    let read = messages
        .take(pending)
        .fold(0, async |read, message| read + usize::from(message.is_ok()));
    Ok(read.await)
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a bench")]
pub(crate) fn per_second(count: usize, took: std::time::Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
