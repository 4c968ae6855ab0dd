//! Rows against rows, in one snapshot: checksums first, and where these differ the rows that do.

use std::collections::BTreeMap;

use events::Partition;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};

use super::{VerifyError, scratch::Scratch};
use crate::Registered;

const TABLES: &str = include_str!("tables.sql");

/// The rows of one table, of one partition where they say which they are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub table: String,
    pub partition: Option<Partition>,
    /// The version's rows.
    pub rows: Sum,
    /// What the log says.
    pub log: Sum,
    pub finding: Finding,
}

/// How many rows, and their checksum: the sum of their hashes, in whatever order they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub rows: i64,
    pub checksum: String,
}

/// What comparing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Same,
    /// More than the log still shows, and nothing less, by no more rows than events were erased: it outlived erasures.
    Outlived,
    /// So many rows differ; the first of them.
    Differs {
        count: i64,
        rows: Vec<Row>,
    },
    /// The version's table is none that its definition makes.
    UnknownTable,
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The log says that there is one: its key, as JSON.
    Missing(String),
    /// The log says nothing of it.
    Extra(String),
    /// These columns are other than the log says. Their values may be what a visitor wrote: they are not shown.
    Other { key: String, columns: Vec<String> },
}

impl Finding {
    /// Whether the rows may be as they are.
    pub const fn is_right(&self) -> bool {
        matches!(self, Self::Same | Self::Outlived)
    }
}

/// A table, and the statements that compare it.
struct Table {
    name: String,
    has_scratch: bool,
    live_sums: String,
    scratch_sums: Option<String>,
    differing: Option<String>,
}

/// Compares all tables of the version with those in `scratch`.
pub(super) async fn compare(
    connection: &mut PgConnection,
    projection: &Registered,
    version: i32,
    scratch: &Scratch<'_>,
) -> Result<Vec<Chunk>, VerifyError> {
    let rows = sqlx::query(TABLES)
        .bind(projection.name)
        .bind(version)
        .fetch_all(&mut *connection)
        .await?;
    let mut chunks = Vec::new();
    for table in rows.iter().map(table).collect::<sqlx::Result<Vec<_>>>()? {
        let live = sums(connection, &table.live_sums).await?;
        let mut log = match &table.scratch_sums {
            Some(sql) if table.has_scratch => sums(connection, sql).await?,
            _ => BTreeMap::new(),
        };
        let mut pairs: BTreeMap<Option<i32>, (Sum, Sum)> = BTreeMap::new();
        for (partition, sum) in live {
            let twin = log.remove(&partition).unwrap_or_else(Sum::none);
            pairs.insert(partition, (sum, twin));
        }
        for (partition, sum) in log {
            pairs.insert(partition, (Sum::none(), sum));
        }
        for (number, (rows, log)) in pairs {
            let partition = number.and_then(partition);
            let may_be_more = projection.outlives_erasure && rows.may_outlive(&log, scratch.erased(partition));
            let finding = if !table.has_scratch {
                Finding::UnknownTable
            } else if rows == log {
                Finding::Same
            } else {
                differing(connection, &table, number, may_be_more).await?
            };
            chunks.push(Chunk {
                table: table.name.clone(),
                partition,
                rows,
                log,
                finding,
            });
        }
    }
    Ok(chunks)
}

impl Sum {
    fn none() -> Self {
        Self {
            rows: 0,
            checksum: "0".to_owned(),
        }
    }

    /// Whether the rows beyond those that `log` shows can be of so many erased events: an event makes one row at most.
    fn may_outlive(&self, log: &Self, erased: u64) -> bool {
        let beyond = u64::try_from(self.rows - log.rows).unwrap_or(0);
        erased > 0 && beyond <= erased
    }
}

fn table(row: &PgRow) -> sqlx::Result<Table> {
    Ok(Table {
        name: row.try_get("name")?,
        has_scratch: row.try_get("has_scratch")?,
        live_sums: row.try_get("live_sums")?,
        scratch_sums: row.try_get("scratch_sums")?,
        differing: row.try_get("rows")?,
    })
}

async fn sums(connection: &mut PgConnection, sql: &str) -> sqlx::Result<BTreeMap<Option<i32>, Sum>> {
    let rows: Vec<(Option<i32>, i64, String)> = sqlx::query_as(AssertSqlSafe(sql.to_owned()))
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(partition, rows, checksum)| (partition, Sum { rows, checksum }))
        .collect())
}

async fn differing(
    connection: &mut PgConnection,
    table: &Table,
    partition: Option<i32>,
    may_be_more: bool,
) -> sqlx::Result<Finding> {
    let sql = table.differing.clone().unwrap_or_default();
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(partition)
        .bind(may_be_more)
        .fetch_all(connection)
        .await?;
    Ok(match rows.first() {
        Some(first) => Finding::Differs {
            count: first.try_get("rows")?,
            rows: rows.iter().map(row).collect::<sqlx::Result<_>>()?,
        },
        None if may_be_more => Finding::Outlived,
        // Without a primary key a row that stands twice cannot be told from one that stands once; the checksum can.
        None => Finding::Differs {
            count: 0,
            rows: Vec::new(),
        },
    })
}

fn row(row: &PgRow) -> sqlx::Result<Row> {
    let key = row.try_get("key")?;
    Ok(if row.try_get("is_missing")? {
        Row::Missing(key)
    } else if row.try_get("is_extra")? {
        Row::Extra(key)
    } else {
        Row::Other {
            key,
            columns: row.try_get("columns")?,
        }
    })
}

/// The partition that a row's number means, as the product's projections write it: -1 is CONTROL.
fn partition(number: i32) -> Option<Partition> {
    match number {
        -1 => Some(Partition::Control),
        number => u16::try_from(number).ok().map(Partition::Events),
    }
}
