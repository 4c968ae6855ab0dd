//! The whole product as processes, visitors of two workspaces who use it all the while, and everything that can die, dying, and
//! the wires to both servers cut, slow and silent: what was acknowledged is there once and in order, every question has one
//! outcome, the read models and what is served of them are what the log says, to each workspace its own, and of the erased nothing
//! is left. Who cannot work says so meanwhile, and soon.
//!
//! `FAULTS_SEED` repeats a run, `FAULTS_ROUNDS` makes it longer: with 200 it is a soak of about half an hour.

mod beside;
mod checker;
mod cluster;
mod leaders;
mod model;
mod routes;
mod served;
mod stay;
mod three_servers;
mod visitors;
mod wire;

use std::time::{Duration, Instant};

use events::{Clock, Timestamp};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use self::{
    checker::check,
    cluster::Cluster,
    visitors::Visitors,
    wire::{State, Wire},
};

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Fault {
    CommandApi,
    Responder,
    Projector,
    ReadApi,
    Nats,
    Postgres,
    Everything,
    PausedResponder,
    PausedProjector,
    NatsCut,
    NatsSlow,
    NatsSilent,
    PostgresCut,
    PostgresSlow,
    PostgresSilent,
}

/// Who is not ready without it.
const NEED_NATS: [&str; 4] = ["command-api", "responder", "projector", "read-api"];
const NEED_POSTGRES: [&str; 3] = ["responder", "projector", "read-api"];

const FAULTS: [Fault; 15] = [
    Fault::CommandApi,
    Fault::Responder,
    Fault::Projector,
    Fault::ReadApi,
    Fault::Nats,
    Fault::Postgres,
    Fault::Everything,
    Fault::PausedResponder,
    Fault::PausedProjector,
    Fault::NatsCut,
    Fault::NatsSlow,
    Fault::NatsSilent,
    Fault::PostgresCut,
    Fault::PostgresSlow,
    Fault::PostgresSilent,
];

/// NATS servers of a cluster.
const SERVERS: usize = 3;

/// Everybody is ready again within this after one fault, and after everything at once, on a machine that is busy: an idle one
/// takes a second.
const SOON: Duration = Duration::from_secs(30);
const ALL_SOON: Duration = Duration::from_mins(1);

/// Longer than a lease and than a turn waits for a sign of its responder.
const PAUSE: Duration = Duration::from_secs(8);
/// What wires become, and for how long at least.
const CUT: (State, Duration) = (State::Cut, Duration::from_secs(2));
const SLOW: Duration = Duration::from_secs(4);
/// Longer than NATS' client takes to find that nobody answers its pings.
const NATS_SILENT: (State, Duration) = (State::Silent, Duration::from_secs(20));
/// Longer than a projector waits for a batch.
const POSTGRES_SILENT: (State, Duration) = (State::Silent, Duration::from_secs(12));

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "a run tells how long everything took")]
async fn whatever_dies_nothing_is_lost_or_doubled() {
    let seed = seed();
    let rounds = setting("FAULTS_ROUNDS").unwrap_or(FAULTS.len() as u64);
    let seeded = format!("FAULTS_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut cluster = Cluster::start().await;
    let visitors = Visitors::start(&cluster.doors(), 8, 5);

    for fault in in_random_order(&FAULTS, rounds, &mut random) {
        visitors.go_on(&format!("{seeded}, before {fault:?}")).await;
        strike(&mut cluster, fault, random.random_range(0..2)).await;
        let struck = Instant::now();
        cluster.ready().await;
        let recovered = struck.elapsed();
        println!("{seeded}: ready {} ms after {fault:?}", recovered.as_millis());
        let soon = if let Fault::Everything = fault { ALL_SOON } else { SOON };
        assert!(recovered < soon, "{seeded}: ready {recovered:?} after {fault:?}");
    }
    visitors.go_on(&format!("{seeded}, after everything")).await;
    let acknowledged = visitors.leave().await;

    check(&cluster, &acknowledged, &seeded).await;
    cluster.stop().await;
}

/// What repeats a run.
fn seed() -> u64 {
    setting("FAULTS_SEED").unwrap_or_else(|| Timestamp::unix_millis(Clock::default().now()).unsigned_abs())
}

/// What is struck in so many rounds: all of `faults`, and when there are more rounds all again, in another order.
fn in_random_order<F: Copy>(faults: &[F], rounds: u64, random: &mut SmallRng) -> Vec<F> {
    let rounds = usize::try_from(rounds).expect("a number of rounds");
    let mut order = Vec::new();
    while order.len() < rounds {
        let mut all = faults.to_vec();
        all.shuffle(random);
        order.extend(all);
    }
    order.truncate(rounds);
    order
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
        Fault::ReadApi => cluster.kill_role("read-api", 0),
        Fault::Nats => {
            cluster.nats[0].kill();
            cluster.nats[0].restart().await;
        }
        Fault::Postgres => {
            cluster.postgres.kill();
            cluster.postgres.restart().await;
        }
        Fault::Everything => {
            cluster.nats[0].kill();
            cluster.postgres.kill();
            cluster.kill_roles();
            cluster.nats[0].restart().await;
            cluster.postgres.restart().await;
        }
        Fault::PausedResponder => cluster.pause_role("responder", which, PAUSE).await,
        Fault::PausedProjector => cluster.pause_role("projector", which, PAUSE).await,
        Fault::NatsCut => away((cluster, &cluster.to_nats[0]), CUT, &NEED_NATS).await,
        Fault::NatsSlow => slow(&cluster.to_nats[0]).await,
        Fault::NatsSilent => away((cluster, &cluster.to_nats[0]), NATS_SILENT, &NEED_NATS).await,
        Fault::PostgresCut => away((cluster, &cluster.to_postgres), CUT, &NEED_POSTGRES).await,
        Fault::PostgresSlow => slow(&cluster.to_postgres).await,
        Fault::PostgresSilent => away((cluster, &cluster.to_postgres), POSTGRES_SILENT, &NEED_POSTGRES).await,
    }
}

/// Leaves a wire in a state for so long, or for longer, until those who need it have said that they are not ready.
async fn away((cluster, wire): (&Cluster, &Wire), (state, time): (State, Duration), need: &[&str]) {
    wire.becomes(state);
    cluster.unready(need, time).await;
    wire.becomes(State::Whole);
}

async fn slow(wire: &Wire) {
    wire.becomes(State::Slow);
    tokio::time::sleep(SLOW).await;
    wire.becomes(State::Whole);
}
