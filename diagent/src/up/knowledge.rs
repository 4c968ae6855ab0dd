//! The demo agent and what it knows, through the same public calls as anybody's.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use edge::operator::{Operator, OperatorKey, Scope, ScopeName};
use events::Clock;
use serde_json::{Value, json};

use crate::{
    demo,
    infra::{self, InfraArgs},
};

const TOKEN_LIFETIME: Duration = Duration::from_mins(10);
const INDEXED_TIMEOUT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

/// Defines the demo agent and puts its pages; what has not changed is not stored again. Returns when the pages can be
/// searched.
pub(super) async fn load(
    command_api: SocketAddr,
    demo_address: SocketAddr,
    operators: &OperatorKey,
    infra: &InfraArgs,
) -> anyhow::Result<()> {
    let operator = Operator {
        sub: "diagent up".to_owned(),
        name: None,
        workspace: Scope::All,
        scopes: BTreeSet::from([ScopeName::Admin]),
    };
    let token = operators.mint(&operator, Clock::default().now(), TOKEN_LIFETIME)?;
    let origin = format!("http://{demo_address}");
    let server = format!("http://{command_api}");
    let api = Api {
        base: format!("{server}/api/v1"),
        token,
        client: reqwest::Client::builder().build()?,
    };
    api.put(&format!("workspaces/{}", demo::WORKSPACE_ID), &demo::workspace())
        .await?;
    api.put(&format!("agents/{}", demo::AGENT_ID), &demo::agent(&origin))
        .await?;
    let documents = demo::documents(&origin, &server);
    for demo::Document { url, title, html } in &documents {
        let body = json!({ "url": url, "title": title, "html": html });
        api.put(&format!("agents/{}/documents", demo::AGENT_ID), &body).await?;
    }
    indexed(infra, documents.iter().map(|document| document.url.clone()).collect()).await
}

struct Api {
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Api {
    /// The command API has just been started, so the first call may come too early.
    async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        loop {
            let request = self
                .client
                .put(format!("{}/{path}", self.base))
                .bearer_auth(&self.token)
                .json(body);
            let problem = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if answer.status().is_client_error() => {
                    bail!(
                        "the demo's {path} was refused: {}",
                        answer.text().await.unwrap_or_default()
                    );
                }
                Ok(answer) => anyhow::anyhow!("{path} answered {}", answer.status()),
                Err(error) => error.into(),
            };
            if tokio::time::Instant::now() > deadline {
                return Err(problem).context("the demo agent could not be defined");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Waits until every page is in the read model that answers stand on.
async fn indexed(infra: &InfraArgs, urls: Vec<String>) -> anyhow::Result<()> {
    let pool = infra::database(infra.required_database()?, "up")?;
    let wait = async {
        loop {
            let query = sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM read.documents WHERE agent_id = $1 AND url = ANY($2)",
            );
            let found = query.bind(demo::AGENT_ID).bind(&urls).fetch_one(&pool).await;
            if found.is_ok_and(|found| usize::try_from(found) == Ok(urls.len())) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(INDEXED_TIMEOUT, wait)
        .await
        .context("the demo's pages were not indexed within a minute")
}
