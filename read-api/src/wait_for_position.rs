//! Read your own writes: a read that names a position waits until its projection has passed it.

use std::time::Duration;

use axum::{extract::FromRequestParts, http::request::Parts};
use edge::{BadInput, extract::Query};
use events::{Partition, Position};
use serde::Deserialize;

use crate::{app::App, error::ApiError};

const HEADER: &str = "diagent-min-position";
const POLL: Duration = Duration::from_millis(20);

/// The position that this read must see, from `?min_position=` or the header `Diagent-Min-Position`.
#[derive(Debug, Clone, Copy)]
pub struct MinPosition(Option<Position>);

#[derive(Deserialize)]
struct Parameter {
    min_position: Option<String>,
}

impl FromRequestParts<App> for MinPosition {
    type Rejection = BadInput;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, BadInput> {
        let Query(Parameter { min_position }) = Query::from_request_parts(parts, app).await?;
        let header = parts
            .headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let Some(text) = min_position.or(header) else {
            return Ok(Self(None));
        };
        let position: Position = text
            .parse()
            .map_err(|error: events::subject::InvalidPosition| BadInput::invalid("min_position", error.to_string()))?;
        match position.partition {
            Partition::Events(p) if p >= app.log.partitions() => {
                Err(BadInput::invalid("min_position", "there is no such partition"))
            }
            _ => Ok(Self(Some(position))),
        }
    }
}

impl MinPosition {
    /// Waits until the live version of `projection` has passed the position.
    ///
    /// # Errors
    /// It has not within the configured time.
    pub async fn wait(self, app: &App, projection: &str) -> Result<(), ApiError> {
        let Some(position) = self.0 else { return Ok(()) };
        // Documents are built from CONTROL and from nothing else, and nothing else is built from it.
        if (position.partition == Partition::Control) != (projection == "documents") {
            return Ok(());
        }
        let passed = async {
            while !has_passed(app, projection, position).await? {
                tokio::time::sleep(POLL).await;
            }
            Ok(())
        };
        tokio::time::timeout(app.min_position_timeout, passed)
            .await
            .unwrap_or(Err(ApiError::ProjectionBehind))
    }
}

async fn has_passed(app: &App, projection: &str, position: Position) -> Result<bool, ApiError> {
    const PASSED: &str = "SELECT EXISTS (SELECT FROM read.checkpoints \
                          WHERE projection = $1 AND live AND partition = $2 AND sequence >= $3)";
    let sequence = i64::try_from(position.sequence).map_err(|_| ApiError::ProjectionBehind)?;
    let query = sqlx::query_scalar(PASSED)
        .bind(projection)
        .bind(position.partition.to_string())
        .bind(sequence);
    Ok(query.fetch_one(&app.pool).await?)
}
