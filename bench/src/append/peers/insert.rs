//! A plain table of events with a primary key, and one INSERT per append.

use std::str::FromStr as _;

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{Load, Peer, event, sql};

pub(super) const NAME: &str = "INSERT";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS plain_events (
        stream text NOT NULL, sequence bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), data jsonb NOT NULL,
        PRIMARY KEY (stream, sequence)
    )";
const ONE: &str = "INSERT INTO plain_events (stream, sequence, data) VALUES ($1, $2 + 1, $3::text::jsonb)";
const MANY: &str = "INSERT INTO plain_events (stream, sequence, data)
    SELECT $1, $2 + n, data::jsonb FROM unnest($3::text[]) WITH ORDINALITY AS events (data, n)";

pub(super) async fn install(database: &str) -> anyhow::Result<Peer> {
    let mut connection = PgConnection::connect(database).await?;
    sqlx::raw_sql(TABLE).execute(&mut connection).await?;
    Ok(Peer::Insert)
}

pub(super) async fn append(database: &str, load: Load) -> anyhow::Result<f64> {
    let event = event();
    let events = vec![event.as_str(); load.batch];
    sql::drive(
        &PgConnectOptions::from_str(database)?,
        load,
        async |connection, stream, version| {
            let statement = sqlx::query(if load.batch == 1 { ONE } else { MANY });
            let statement = statement.bind(stream).bind(version);
            let statement = if load.batch == 1 {
                statement.bind(&event)
            } else {
                statement.bind(&events)
            };
            statement.execute(connection).await?;
            Ok(())
        },
    )
    .await
}
