//! The whole product as processes, visitors who use it all the while, and everything that can die, dying: what was
//! acknowledged is there once, every question has one outcome, and the read models are what the log says.
//!
//! `FAULTS_SEED` repeats a run, `FAULTS_ROUNDS` makes it longer: with 200 it is a soak of about half an hour.

mod checker;
mod cluster;
mod model;
mod stay;
mod visitors;

use std::time::Duration;

use events::{Clock, Timestamp};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use self::{checker::check, cluster::Cluster, visitors::Visitors};

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Fault {
    CommandApi,
    Responder,
    Projector,
    Nats,
    Postgres,
    Everything,
    PausedResponder,
    PausedProjector,
}

const FAULTS: [Fault; 8] = [
    Fault::CommandApi,
    Fault::Responder,
    Fault::Projector,
    Fault::Nats,
    Fault::Postgres,
    Fault::Everything,
    Fault::PausedResponder,
    Fault::PausedProjector,
];

/// Longer than a lease and than a turn waits for a sign of its responder.
const PAUSE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_nothing_is_lost_or_doubled() {
    let seed = setting("FAULTS_SEED").unwrap_or_else(|| Timestamp::unix_millis(Clock::default().now()).unsigned_abs());
    let rounds = setting("FAULTS_ROUNDS").unwrap_or(FAULTS.len() as u64);
    let seeded = format!("FAULTS_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut cluster = Cluster::start().await;
    let visitors = Visitors::start(cluster.door(), 8);

    let mut faults = Vec::new();
    for _ in 0..rounds {
        if faults.is_empty() {
            faults = FAULTS.to_vec();
            faults.shuffle(&mut random);
        }
        let fault = faults.pop().expect("one");
        visitors.go_on(&format!("{seeded}, before {fault:?}")).await;
        strike(&mut cluster, fault, random.random_range(0..2)).await;
        cluster.ready().await;
    }
    visitors.go_on(&format!("{seeded}, after everything")).await;
    let acknowledged = visitors.leave().await;

    check(&cluster, &acknowledged, &seeded).await;
    cluster.stop().await;
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

async fn strike(cluster: &mut Cluster, fault: Fault, which: usize) {
    match fault {
        Fault::CommandApi => cluster.kill_role("command-api", which),
        Fault::Responder => cluster.kill_role("responder", which),
        Fault::Projector => cluster.kill_role("projector", which),
        Fault::Nats => {
            cluster.nats.kill();
            cluster.nats.restart().await;
        }
        Fault::Postgres => {
            cluster.postgres.kill();
            cluster.postgres.restart().await;
        }
        Fault::Everything => {
            cluster.nats.kill();
            cluster.postgres.kill();
            for role in ["command-api", "responder", "projector"] {
                cluster.kill_role(role, 0);
                cluster.kill_role(role, 1);
            }
            cluster.nats.restart().await;
            cluster.postgres.restart().await;
        }
        Fault::PausedResponder => cluster.pause_role("responder", which, PAUSE).await,
        Fault::PausedProjector => cluster.pause_role("projector", which, PAUSE).await,
    }
}
