//! Until what was put can be found: by its words first, by its meaning a little later.

use std::time::Duration;

use anyhow::{bail, ensure};
use events::{AgentId, Position};
use indicatif::ProgressBar;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::commands::api::{Api, Refused, Side};

/// Longer than this without progress, and something is wrong with the projector or the model.
const STALL_TIMEOUT: Duration = Duration::from_mins(2);

const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Waits until what was written up to `position` can be found by its words; answers with how much the agent knows.
///
/// # Errors
/// The read model does not get there, or the API refuses.
pub(super) async fn until_indexed(api: &Api, agent: AgentId, position: Option<Position>) -> anyhow::Result<Value> {
    let until = Instant::now() + STALL_TIMEOUT;
    loop {
        match knowledge(api, agent, position).await {
            Err(error) if is_behind(&error) => {
                ensure!(
                    Instant::now() < until,
                    "the pages are stored but not indexed yet; is a projector running?"
                );
                sleep(POLL_INTERVAL).await;
            }
            other => return other,
        }
    }
}

/// Waits until all passages are embedded; returns at once where no model is configured.
///
/// # Errors
/// The model makes no progress, or the API refuses.
pub(super) async fn until_embedded(api: &Api, agent: AgentId, bar: &ProgressBar) -> anyhow::Result<Value> {
    let (mut best, mut moved) = (0, Instant::now());
    loop {
        let knowledge = knowledge(api, agent, None).await?;
        let count = |name: &str| knowledge[name].as_u64().unwrap_or_default();
        let (embedded, chunks) = (count("embedded"), count("chunks"));
        bar.set_length(chunks);
        bar.set_position(embedded);
        if embedded >= chunks || knowledge["embedding_model"].is_null() {
            return Ok(knowledge);
        }
        if embedded > best {
            (best, moved) = (embedded, Instant::now());
        }
        if moved.elapsed() > STALL_TIMEOUT {
            bail!("{embedded} of {chunks} passages are embedded, and it does not go on");
        }
        sleep(POLL_INTERVAL).await;
    }
}

async fn knowledge(api: &Api, agent: AgentId, position: Option<Position>) -> anyhow::Result<Value> {
    let query: Vec<_> = position
        .map(|position| ("min_position", position.to_string()))
        .into_iter()
        .collect();
    let path = format!("agents/{agent}/knowledge");
    let answer = api.call((Side::Read, Method::GET), &path, &query, None).await?;
    let mut answer: Value = answer.json().await?;
    Ok(answer["data"].take())
}

fn is_behind(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.status == StatusCode::SERVICE_UNAVAILABLE)
}
