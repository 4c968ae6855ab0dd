//! Writers on Postgres that are tasks of this process.

use std::time::Instant;

use events::VisitorId;
use futures::future::try_join_all;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use super::Load;
use crate::{append::LASTING, project::limit::per_second};

/// Events per second. Each writer has a connection, opened before; `append` is told the stream and how many events it has.
pub(super) async fn drive(
    options: &PgConnectOptions,
    load: Load,
    append: impl AsyncFn(&mut PgConnection, &str, i64) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let connections = (0..load.writers).map(|_| PgConnection::connect_with(options));
    let mut connections = try_join_all(connections).await?;
    let batch = i64::try_from(load.batch)?;
    let started = Instant::now();
    let loops = connections.iter_mut().map(async |connection| {
        let stream = VisitorId::generate().to_string();
        let mut version = 0;
        while started.elapsed() < LASTING {
            append(connection, &stream, version).await?;
            version += batch;
        }
        anyhow::Ok(usize::try_from(version)?)
    });
    let events: usize = try_join_all(loops).await?.into_iter().sum();
    let rate = per_second(events, started.elapsed());
    for connection in connections {
        connection.close().await?;
    }
    Ok(rate)
}
