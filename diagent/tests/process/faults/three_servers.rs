//! Three NATS servers that hold every stream together, as `deploy/nats/cluster.conf` runs them. They are killed, paused and cut
//! off, one of them or all, while visitors go on, half of whom want to be forgotten: what was acknowledged is there once, of
//! the erased nothing is left, and every gap is explained.
//!
//! `FAULTS_SEED` repeats a run. Three faults of the six are struck by default; `FAULTS_ROUNDS=6` strikes all.

use std::time::{Duration, Instant};

use embedded::testing::TestNats;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{
    NEED_NATS, SERVERS, checker::check, cluster::Cluster, in_random_order, seed, setting, visitors::Visitors,
    wire::State,
};

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// One is killed, and started again when visitors have come and gone without it.
    Killed,
    /// One says nothing for longer than an election takes, and then goes on as if nothing had been.
    Paused,
    /// One cannot reach the others, nor they it; clients reach all.
    CutOff,
    AllKilled,
    /// None reaches another.
    AllCutOff,
    /// Each is killed and started again, the next one when everybody is ready.
    Rolling,
}

const FAULTS: [Fault; 6] = [
    Fault::Killed,
    Fault::Paused,
    Fault::CutOff,
    Fault::AllKilled,
    Fault::AllCutOff,
    Fault::Rolling,
];

/// Each takes half a minute.
const ROUNDS: u64 = 3;

/// Longer than an election, and than clients take to find that a server says nothing.
const PAUSE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "a run tells how long everything took")]
async fn of_three_servers_whichever_dies_nothing_is_lost_doubled_or_remembered() {
    let seed = seed();
    let rounds = setting("FAULTS_ROUNDS").unwrap_or(ROUNDS);
    let seeded = format!("FAULTS_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut cluster = Cluster::start_on_three().await;
    let visitors = Visitors::start(&cluster.doors(), 8, 2);

    for fault in in_random_order(&FAULTS, rounds, &mut random) {
        let which = random.random_range(0..SERVERS);
        visitors.go_on(&format!("{seeded}, before {fault:?}")).await;
        let began = Instant::now();
        strike(&mut cluster, &visitors, fault, which).await;
        let struck = Instant::now();
        cluster.ready().await;
        println!(
            "{seeded}: {fault:?} of {which} took {} ms, ready {} ms after it",
            (struck - began).as_millis(),
            struck.elapsed().as_millis()
        );
    }
    visitors.go_on(&format!("{seeded}, after everything")).await;
    let acknowledged = visitors.leave().await;

    check(&cluster, &acknowledged, &seeded).await;
    cluster.stop().await;
}

async fn strike(cluster: &mut Cluster, visitors: &Visitors, fault: Fault, which: usize) {
    match fault {
        Fault::Killed => {
            cluster.nats[which].kill();
            visitors.go_on("without one of three servers").await;
            cluster.ready().await;
            cluster.nats[which].restart().await;
        }
        Fault::Paused => {
            cluster.nats[which].pause();
            let served = visitors.go_on("while one of three servers is paused");
            tokio::join!(tokio::time::sleep(PAUSE), served);
            cluster.nats[which].resume();
        }
        Fault::CutOff => {
            cluster.routes.become_of(which, State::Cut);
            tokio::time::sleep(PAUSE).await;
            cluster.routes.become_of(which, State::Whole);
        }
        Fault::AllKilled => {
            cluster.nats.iter_mut().for_each(TestNats::kill);
            cluster.unready(&NEED_NATS, Duration::ZERO).await;
            for server in &mut cluster.nats {
                server.restart().await;
            }
        }
        Fault::AllCutOff => {
            (0..SERVERS).for_each(|number| cluster.routes.become_of(number, State::Cut));
            cluster.unready(&NEED_NATS, Duration::ZERO).await;
            (0..SERVERS).for_each(|number| cluster.routes.become_of(number, State::Whole));
        }
        Fault::Rolling => {
            for number in 0..SERVERS {
                cluster.nats[number].kill();
                cluster.nats[number].restart().await;
                cluster.ready().await;
            }
        }
    }
}
