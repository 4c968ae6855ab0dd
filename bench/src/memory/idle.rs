//! Command APIs of their own, with streams in which nothing happens: `GET /conversation/events`, as a page that is only open.

use anyhow::ensure;
use futures::future::join_all;
use hyper::body::Incoming;

use crate::{
    client::Client,
    product::{CommandApi, Product},
    report::{Figure, Report},
    visitor::{Visitor, read_until},
};

/// What such a stream says at its beginning, and every fifteen seconds.
const HEARTBEAT: &[u8] = b": still here";

const EVENTS: &str = "/api/v1/widget/conversation/events";

/// One visitor's, on a connection of its own.
struct Stream {
    _client: Client,
    body: Incoming,
}

pub(super) async fn measure(streams: usize, processes: usize, report: &mut Report) -> anyhow::Result<()> {
    let product = Product::start(&[]).await?;
    let mut apis = Vec::new();
    for _ in 0..processes {
        apis.push(CommandApi::start(&product).await?);
    }
    let mut tokens = Vec::new();
    for place in 0..streams {
        let api = &apis[place % processes];
        // One after the other: what a crowd's connections leave behind would hide what the streams take.
        tokens.push((api, Visitor::init(&api.address).await?.into_token()));
    }
    let before = memory_mb(&apis)?;
    let mut open = Vec::new();
    for (api, token) in &tokens {
        open.push(Stream::open(&api.address, token).await?);
    }
    let after = memory_mb(&apis)?;
    let alive = join_all(open.iter_mut().map(Stream::heartbeat)).await;
    let alive = alive.iter().filter(|heard| heard.is_ok()).count();
    drop(open);
    for api in apis {
        api.kill().await?;
    }
    product.stop().await?;
    rows((streams, processes), [before, after], alive, report)
}

impl Stream {
    /// Returns when the first byte has come.
    async fn open(address: &str, token: &str) -> anyhow::Result<Self> {
        let mut client = Client::connect(address).await?;
        let response = client.open_get(EVENTS, Some(token)).await?;
        ensure!(response.status() == 200, "the events answered {}", response.status());
        let mut stream = Self {
            _client: client,
            body: response.into_body(),
        };
        stream.heartbeat().await?;
        Ok(stream)
    }

    async fn heartbeat(&mut self) -> anyhow::Result<()> {
        read_until(&mut self.body, HEARTBEAT).await
    }
}

fn memory_mb(apis: &[CommandApi]) -> anyhow::Result<f64> {
    apis.iter().map(CommandApi::memory_mb).sum()
}

fn rows(
    (streams, processes): (usize, usize),
    [before, after]: [f64; 2],
    alive: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (streams, processes, alive) = (
        f64::from(u32::try_from(streams)?),
        f64::from(u32::try_from(processes)?),
        f64::from(u32::try_from(alive)?),
    );
    let figure = |unit, diagent| Figure {
        unit,
        diagent,
        limit: None,
    };
    report.row("a command API of its own, idle", figure("MB", before / processes), "");
    report.row(
        format!("with {:.0} idle streams", streams / processes),
        figure("MB", after / processes),
        "",
    );
    let each = (after - before) * 1024.0 / streams;
    report.row("one idle stream", figure("KB", each), "12");
    let still = Figure {
        unit: "",
        diagent: alive,
        limit: Some(streams),
    };
    report.row("idle streams that go on", still, "1.00");
    Ok(())
}
