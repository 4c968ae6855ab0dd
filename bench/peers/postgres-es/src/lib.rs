//! What cqrs-es's store and its queries for Postgres are measured with; each is a program that prints a figure.

use std::env;

use anyhow::Context as _;
use futures::future::try_join_all;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// One connection for each writer, all of them open.
pub async fn connect(options: PgConnectOptions, writers: usize) -> anyhow::Result<PgPool> {
    let connections = u32::try_from(writers)?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect_with(options)
        .await?;
    let open = try_join_all((0..writers).map(|_| pool.acquire())).await?;
    drop(open);
    Ok(pool)
}

pub fn number(name: &str) -> anyhow::Result<usize> {
    Ok(variable(name)?.parse()?)
}

pub fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}
