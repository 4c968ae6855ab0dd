//! A visitor of the demo site.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Response, body::Incoming};
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};

/// Where the demo site is in a bench, not to be in the way of one that runs for somebody.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:18082";

/// The demo agent, see `diagent/src/demo`.
pub(crate) const AGENT_ID: &str = "01KDEM0AGENT00000000000001";

/// One visitor on a connection of its own.
pub(crate) struct Visitor {
    client: Client,
    token: String,
}

impl Visitor {
    pub(crate) async fn init(address: &str) -> anyhow::Result<Self> {
        let mut client = Client::connect(address).await?;
        let body = json!({ "agent_id": AGENT_ID, "page_url": format!("{ORIGIN}/") })
            .to_string()
            .into();
        let answer = client
            .post(Call {
                path: "/api/v1/widget/init",
                token: None,
                body,
            })
            .await?;
        ensure!(
            answer.status == 200,
            "init answered {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let token = answer["data"]["jwt"].as_str().context("no jwt")?.to_owned();
        Ok(Self { client, token })
    }

    /// Closes the connection; with the token another one may go on.
    pub(crate) fn into_token(self) -> String {
        self.token
    }

    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        self.client
            .post(Call {
                path,
                token: Some(&self.token),
                body,
            })
            .await
    }

    /// Asks, and answers with the open stream.
    pub(crate) async fn ask(&mut self, message: &str) -> anyhow::Result<Response<Incoming>> {
        let body = json!({ "message": message }).to_string().into();
        let call = Call {
            path: "/api/v1/widget/messages/stream",
            token: Some(&self.token),
            body,
        };
        let response = self.client.open(call).await?;
        ensure!(response.status() == 200, "the stream answered {}", response.status());
        Ok(response)
    }
}

/// Reads on until `wanted` has been received.
pub(crate) async fn read_until(body: &mut Incoming, wanted: &[u8]) -> anyhow::Result<()> {
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            received.extend_from_slice(&data);
            if received.windows(wanted.len()).any(|window| window == wanted) {
                return Ok(());
            }
        }
    }
    anyhow::bail!(
        "the stream ended without {}: {}",
        String::from_utf8_lossy(wanted),
        String::from_utf8_lossy(&received)
    )
}
