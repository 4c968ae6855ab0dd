//! How long an event takes from its acknowledgement to the commit of its row.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use events::{Clock, Position};
use futures::future::try_join_all;
use hdrhistogram::Histogram;

use super::{
    fill::{Visit, meta},
    process,
    servers::Servers,
};

const TICK: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(5);

/// Events in one request, as a widget sends them.
const REQUEST: usize = 5;

/// The lag of one projection's live version, in milliseconds.
pub(crate) struct Lag {
    pub(crate) projection: &'static str,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// What one projection has still to apply, and how long it took for the rest.
struct Watch {
    projection: &'static str,
    /// By partition: acknowledged events, the oldest first.
    waiting: Mutex<BTreeMap<String, VecDeque<(i64, Instant)>>>,
    times: Mutex<Histogram<u64>>,
}

/// Lags while `rate` telemetry events a second are written, until `done`; every event that was written counts.
pub(crate) async fn under_load(
    servers: &Servers,
    rate: usize,
    done: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Vec<Lag>> {
    let watches = [Watch::new("telemetry")?, Watch::new("conversations")?];
    let is_over = AtomicBool::new(false);
    let load = async {
        tokio::select! {
            ended = write(servers, rate, &watches) => ended?,
            ended = done => ended?,
        }
        is_over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let watching = async {
        while !is_over.load(Ordering::Relaxed) || !watches.iter().all(Watch::is_idle) {
            for watch in &watches {
                watch.look(servers).await?;
            }
            tokio::time::sleep(POLL).await;
        }
        anyhow::Ok(())
    };
    futures::try_join!(load, watching)?;
    Ok(watches.iter().map(Watch::lag).collect())
}

/// Writes for ever, as many visitors would at once.
async fn write(servers: &Servers, rate: usize, watches: &[Watch]) -> anyhow::Result<()> {
    let clock = Clock::default();
    let requests = rate * usize::try_from(TICK.as_millis())? / 1_000 / REQUEST;
    let mut ticks = tokio::time::interval(TICK);
    for number in 0_u64.. {
        ticks.tick().await;
        let at = clock.now();
        try_join_all((0..requests as u64).map(|index| async move {
            let visit = Visit::new(number * 31 + index, at);
            let (events, _) = visit.telemetry(REQUEST);
            let position = servers
                .log
                .append(&visit.clicks(), &events, &meta(visit.agent_id()))
                .await?;
            for watch in watches {
                watch.acknowledged(position)?;
            }
            anyhow::Ok(())
        }))
        .await?;
    }
    Ok(())
}

impl Watch {
    fn new(projection: &'static str) -> anyhow::Result<Self> {
        Ok(Self {
            projection,
            waiting: Mutex::default(),
            times: Mutex::new(Histogram::new(3)?),
        })
    }

    fn acknowledged(&self, position: Position) -> anyhow::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .entry(position.partition.to_string())
            .or_default()
            .push_back((i64::try_from(position.sequence)?, Instant::now()));
        Ok(())
    }

    /// Compares with what is committed.
    async fn look(&self, servers: &Servers) -> anyhow::Result<()> {
        let positions = process::positions(servers, self.projection, None).await;
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, position) in positions {
            let Some(queue) = waiting.get_mut(&partition) else {
                continue;
            };
            while let Some((_, acknowledged)) = queue.pop_front_if(|(sequence, _)| *sequence <= position) {
                times.record(u64::try_from((now - acknowledged).as_micros())?)?;
            }
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().all(VecDeque::is_empty)
    }

    #[expect(clippy::cast_precision_loss, reason = "times here are far below 2^52 microseconds")]
    fn lag(&self) -> Lag {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
        Lag {
            projection: self.projection,
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}
