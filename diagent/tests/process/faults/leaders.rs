//! Which of three servers leads which partition of the log. What is written goes to the leader, so that is whose loss counts.

use std::{cell::OnceCell, fmt};

use events::{Clock, Partition, log::Log};
use futures::future::join_all;
use rand::{RngExt as _, rngs::SmallRng};

use super::{SERVERS, cluster::Cluster};
use crate::support::until;

/// All partitions that hold visitors' events, as some of the servers see them.
pub(super) struct Partitions(Log);

/// One partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    leader: usize,
    last_sequence: u64,
}

/// A server that leads a partition to which visitors write.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) server: usize,
    /// Everything that it leads.
    leads: Vec<usize>,
    partitions: usize,
}

impl Partitions {
    /// As all servers see them.
    pub(super) async fn of(cluster: &Cluster) -> Self {
        Self::at(cluster, |_| true).await
    }

    /// As they are seen by those who are left without `leader`.
    pub(super) async fn without(cluster: &Cluster, leader: &Leader) -> Self {
        Self::at(cluster, |server| server != leader.server).await
    }

    async fn at(cluster: &Cluster, asked: impl Fn(usize) -> bool) -> Self {
        let log = cluster.log_at((0..SERVERS).filter(|server| asked(*server)));
        Self(Log::connect(&log, Clock::default()).await.expect("the log"))
    }

    /// All of them, when each has a leader.
    pub(super) async fn seen(&self) -> Vec<Seen> {
        let all = OnceCell::new();
        until("every partition has a leader", async || {
            let asked = (0..self.0.partitions()).map(|number| self.see(number));
            let seen: Option<Vec<Seen>> = join_all(asked).await.into_iter().collect();
            seen.is_some_and(|seen| all.set(seen).is_ok())
        })
        .await;
        all.into_inner().expect("they were seen")
    }

    async fn see(&self, number: u16) -> Option<Seen> {
        let stream = self.0.stream(Partition::Events(number)).await.ok()?;
        let info = stream.get_info().await.ok()?;
        let leader = info.cluster?.leader?;
        Some(Seen {
            leader: leader.strip_prefix("nats-")?.parse().ok()?,
            last_sequence: info.state.last_sequence,
        })
    }

    /// The leader of any partition that was written to since `before`.
    pub(super) async fn leader(&self, before: &[Seen], random: &mut SmallRng) -> Leader {
        let now = self.seen().await;
        let written: Vec<&Seen> = grown(before, &now).collect();
        assert!(
            !written.is_empty(),
            "visitors are here, and nothing is written: {now:?}"
        );
        let server = written[random.random_range(0..written.len())].leader;
        Leader {
            server,
            leads: (0..now.len()).filter(|number| now[*number].leader == server).collect(),
            partitions: now.len(),
        }
    }

    /// Waits until all that `leader` led is led by others.
    pub(super) async fn are_taken_from(&self, leader: &Leader) {
        until(&format!("others lead what was led by {leader}"), async || {
            let seen = self.seen().await;
            leader.leads.iter().all(|number| seen[*number].leader != leader.server)
        })
        .await;
    }

    /// Waits until others lead what `leader` led, and visitors write to it.
    pub(super) async fn go_on_without(&self, leader: &Leader) {
        self.are_taken_from(leader).await;
        let own = |seen: Vec<Seen>| -> Vec<Seen> { leader.leads.iter().map(|number| seen[*number]).collect() };
        let before = own(self.seen().await);
        until(&format!("what was led by {leader} is written to"), async || {
            grown(&before, &own(self.seen().await)).next().is_some()
        })
        .await;
    }
}

/// Those that are longer than before.
fn grown<'a>(before: &'a [Seen], now: &'a [Seen]) -> impl Iterator<Item = &'a Seen> {
    let pairs = before.iter().zip(now);
    pairs.filter_map(|(before, now)| (now.last_sequence > before.last_sequence).then_some(now))
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            leads,
            partitions,
        } = self;
        let count = leads.len();
        write!(
            f,
            "server {server}, leader of {count} of {partitions} partitions {leads:?}"
        )
    }
}
