//! `GET /api/v1/erasures/{receipt_id}`: how far an erasure has got.

use std::collections::BTreeMap;

use axum::extract::State;
use edge::{Data, extract::Path};
use events::{ReceiptId, Timestamp, WorkspaceId};
use serde::Serialize;
use sqlx::Row as _;

use super::time;
use crate::{access::Reader, app::App, error::ApiError, wait_for_position::MinPosition};

const ERASURE: &str =
    "SELECT visitor_id, agent_id, workspace_id, position, erased_at FROM read.erasures WHERE receipt_id = $1";
const PASSED: &str = "SELECT projection, bool_and(sequence >= $2) AS done FROM read.checkpoints \
    WHERE live AND partition = $1 GROUP BY projection";

/// The state of one erasure.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErasureView {
    receipt_id: ReceiptId,
    agent_id: String,
    visitor_id: String,
    /// Always true: the receipt is given after the log is done.
    done_in_log: bool,
    /// By projection, whether it has forgotten the visitor.
    #[schema(value_type = Object)]
    done_in_projections: BTreeMap<String, bool>,
    erased_at: Timestamp,
}

/// Reads how far an erasure has got.
///
/// # Errors
/// `unauthorized`, `forbidden`, `erasure_not_found`, `projection_behind`, `database_unavailable`.
#[utoipa::path(
    get, path = "/erasures/{receipt_id}", tag = "erasure", params(("receipt_id" = ReceiptId, Path)),
    responses((status = 200, body = Data<ErasureView>)), security(("operator" = []))
)]
#[tracing::instrument(name = "read.erasure", skip_all, fields(receipt.id = %receipt_id))]
pub async fn read_erasure(
    State(app): State<App>,
    reader: Reader,
    Path(receipt_id): Path<ReceiptId>,
    min_position: MinPosition,
) -> Result<Data<ErasureView>, ApiError> {
    min_position.wait(&app, "erasures").await?;
    let row = sqlx::query(ERASURE)
        .bind(receipt_id.to_string())
        .fetch_optional(&app.pool)
        .await?;
    let row = row.ok_or(ApiError::ErasureNotFound)?;
    let workspace: String = row.try_get("workspace_id")?;
    if !workspace
        .parse()
        .is_ok_and(|workspace_id: WorkspaceId| reader.may_see(workspace_id))
    {
        return Err(ApiError::ErasureNotFound);
    }
    let position: String = row.try_get("position")?;
    let (partition, sequence) = position.split_once(':').unwrap_or((&position, "0"));
    let sequence: i64 = sequence.parse().unwrap_or_default();
    let passed = sqlx::query(PASSED)
        .bind(partition)
        .bind(sequence)
        .fetch_all(&app.pool)
        .await?;
    let done = passed
        .iter()
        .map(|row| Ok((row.try_get("projection")?, row.try_get("done")?)));
    Ok(Data {
        data: ErasureView {
            receipt_id,
            agent_id: row.try_get("agent_id")?,
            visitor_id: row.try_get("visitor_id")?,
            done_in_log: true,
            done_in_projections: done.collect::<sqlx::Result<BTreeMap<String, bool>>>()?,
            erased_at: time(&row, "erased_at")?,
        },
    })
}
