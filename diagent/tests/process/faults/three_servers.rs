//! Three NATS servers that hold every stream together, as `deploy/nats/cluster.conf` runs them. They are killed, paused and cut
//! off, one of them or all, while visitors go on, half of whom want to be forgotten: what was acknowledged is there once, of
//! the erased nothing is left, and every gap is explained. The one leads a partition to which visitors write, and others have
//! to lead it then.
//!
//! `FAULTS_SEED` repeats a run. Each one kills a leader, cuts a leader off, and restarts one server after the other; of the other
//! three faults it strikes one by default, all with `FAULTS_ROUNDS=3`, and with more everything again.

use std::time::{Duration, Instant};

use embedded::testing::TestNats;
use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use super::{
    NEED_NATS, SERVERS,
    checker::check,
    cluster::Cluster,
    in_random_order,
    leaders::{Leader, Partitions},
    seed, setting,
    visitors::Visitors,
    wire::State,
};

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A leader is killed, and started again when visitors have come and gone without it.
    Killed,
    /// A leader says nothing for longer than an election takes, and then goes on as if nothing had been.
    Paused,
    /// A leader cannot reach the others, nor they it; clients reach all.
    CutOff,
    AllKilled,
    /// None reaches another.
    AllCutOff,
    /// Each is killed and started again, the next one when everybody is ready.
    Rolling,
}

/// What every run strikes.
const ALWAYS: [Fault; 3] = [Fault::Killed, Fault::CutOff, Fault::Rolling];

const FURTHER: [Fault; 3] = [Fault::Paused, Fault::AllKilled, Fault::AllCutOff];

/// How many further ones it strikes. Each takes half a minute.
const ROUNDS: u64 = 1;

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

    for fault in faults(rounds, &mut random) {
        let partitions = Partitions::of(&cluster).await;
        let before = partitions.seen().await;
        visitors.go_on(&format!("{seeded}, before {fault:?}")).await;
        let leader = partitions.leader(&before, &mut random).await;
        let began = Instant::now();
        strike(&mut cluster, &visitors, fault, &leader).await;
        let struck = Instant::now();
        cluster.ready().await;
        println!(
            "{seeded}: {} took {} ms, ready {} ms after it",
            fault.told(&leader),
            (struck - began).as_millis(),
            struck.elapsed().as_millis()
        );
    }
    visitors.go_on(&format!("{seeded}, after everything")).await;
    let acknowledged = visitors.leave().await;

    check(&cluster, &acknowledged, &seeded).await;
    cluster.stop().await;
}

/// What every run strikes and so many of the others, in any order; when there are more rounds everything again.
fn faults(rounds: u64, random: &mut SmallRng) -> Vec<Fault> {
    let of_further = rounds.min(FURTHER.len() as u64);
    let mut faults = in_random_order(&FURTHER, of_further, random);
    faults.extend(ALWAYS);
    faults.shuffle(random);
    let again = in_random_order(&[ALWAYS, FURTHER].concat(), rounds - of_further, random);
    faults.extend(again);
    faults
}

impl Fault {
    /// What is told of it.
    fn told(self, leader: &Leader) -> String {
        match self {
            Self::Killed | Self::Paused | Self::CutOff => format!("{self:?} of {leader}"),
            Self::AllKilled | Self::AllCutOff | Self::Rolling => format!("{self:?}"),
        }
    }
}

async fn strike(cluster: &mut Cluster, visitors: &Visitors, fault: Fault, leader: &Leader) {
    match fault {
        Fault::Killed => {
            let others = Partitions::without(cluster, leader).await;
            cluster.nats[leader.server].kill();
            let served = visitors.go_on("without one of three servers");
            tokio::join!(others.go_on_without(leader), served);
            cluster.ready().await;
            cluster.nats[leader.server].restart().await;
        }
        Fault::Paused => {
            let others = Partitions::without(cluster, leader).await;
            cluster.nats[leader.server].pause();
            let served = visitors.go_on("while one of three servers is paused");
            tokio::join!(tokio::time::sleep(PAUSE), others.go_on_without(leader), served);
            cluster.nats[leader.server].resume();
        }
        // Both instances may be connected to it, and write nothing until it is back.
        Fault::CutOff => {
            let others = Partitions::without(cluster, leader).await;
            cluster.routes.become_of(leader.server, State::Cut);
            tokio::join!(tokio::time::sleep(PAUSE), others.are_taken_from(leader));
            cluster.routes.become_of(leader.server, State::Whole);
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
