//! Eventide's message store: functions in Postgres. It locks a category per write, so that each writer has a category of its own
//! here, which is its best case.

use std::str::FromStr as _;

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, ConnectOptions as _, postgres::PgConnectOptions};

use super::{Load, Peer, event, npm, sql};

pub(super) const NAME: &str = "message-db";

/// What its own `install.sh` runs and writing needs, in its order; not the extension pgcrypto, since Postgres has had
/// `gen_random_uuid` itself since version 13.
const SCRIPTS: [&str; 15] = [
    "schema/message-store",
    "tables/messages",
    "types/message",
    "functions/message-store-version",
    "functions/hash-64",
    "functions/acquire-lock",
    "functions/category",
    "functions/is-category",
    "functions/id",
    "functions/cardinal-id",
    "functions/stream-version",
    "functions/write-message",
    "indexes/messages-id",
    "indexes/messages-stream",
    "indexes/messages-category",
];

/// As many messages as `$4`, in one transaction; a stream without messages has version -1.
const WRITE: &str = "SELECT write_message(gen_random_uuid()::text, $1, 'Appended', $2::text::jsonb, NULL, $3 - 1 + n)
    FROM generate_series(0, $4 - 1) AS n";

pub(super) async fn install(database: &str) -> anyhow::Result<Peer> {
    let scripts = npm::install(NAME, &[])
        .await?
        .join("node_modules/@eventide/message-db/database");
    let mut connection = options(database)?.connect().await?;
    for script in SCRIPTS {
        let script = scripts.join(script).with_extension("sql");
        let sql = std::fs::read_to_string(&script).with_context(|| format!("no {}", script.display()))?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .with_context(|| format!("{} fails", script.display()))?;
    }
    Ok(Peer::MessageDb)
}

pub(super) async fn append(database: &str, load: Load) -> anyhow::Result<f64> {
    let (event, batch) = (event(), i64::try_from(load.batch)?);
    sql::drive(&options(database)?, load, async |connection, stream, version| {
        // The category is what stands before the first hyphen.
        let stream = format!("visitor{stream}-{stream}");
        sqlx::query(WRITE)
            .bind(stream)
            .bind(&event)
            .bind(version)
            .bind(batch)
            .execute(connection)
            .await?;
        Ok(())
    })
    .await
}

/// Its functions name their tables without the schema.
fn options(database: &str) -> anyhow::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(database)?.options([("search_path", "message_store,public")]))
}
