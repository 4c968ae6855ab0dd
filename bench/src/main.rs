//! Measures Diagent against its limit, in one run: `cargo run -p bench --release -- NAME`.
//!
//! Each bench starts the real binary (`target/release/diagent up`, in a folder of its own) and speaks HTTP to it. The limit
//! is measured in the same run, interleaved with the product, on the same kind of server; so are the peers, which are installed
//! into `target/bench/peers` from `bench/peers`. An absolute figure is one of the machine; what counts is the
//! ratio.

mod append;
mod client;
mod growth;
mod install;
mod memory;
mod model;
mod product;
mod profile;
mod project;
mod replay;
mod report;
mod start;
mod stream;
mod visitor;

use std::time::Duration;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::model::Pace;

/// Benches of Diagent.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 3, global = true)]
    rounds: usize,
}

#[derive(Subcommand)]
enum Bench {
    /// Durable telemetry and commands through HTTP, against raw `JetStream` publishes with the same sync, and against what other
    /// event stores append with the same durability.
    Append,
    /// What Diagent adds to the first token and to each token, against the same model called directly.
    Stream {
        /// Streams at once; several, separated by commas.
        #[arg(long, value_delimiter = ',', default_value = "1,8,64,256,1000")]
        streams: Vec<usize>,
        /// Milliseconds between two tokens of the model, which says a hundred in an answer.
        #[arg(long, default_value_t = 20)]
        pause_ms: u64,
    },
    /// Read models: how fast they are built from the log, and how far they are behind it, against plain inserts.
    Project {
        /// Telemetry events in the log; conversations and leads come on top.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
    },
    /// Exports of the log: events per second and memory, against a consumer that only reads.
    Replay {
        /// Telemetry events in the log; conversations and leads come on top.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
    },
    /// What an event costs when there are ten thousand of them, a hundred thousand, and so on.
    Growth {
        /// Events in the log at the end.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
    },
    /// Who has the processors on each hot path, and for what; asks `perf`.
    Profile {
        /// Telemetry events in the log that is read; conversations and leads come on top.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
    },
    /// From `diagent up` to the first answer, on an empty folder and on one with data, against the two servers alone.
    Start,
    /// Memory of a process with open streams, of answers that are being written, and idle ones.
    Memory {
        /// Idle streams.
        #[arg(long, default_value_t = 1_000)]
        streams: usize,
        /// Command APIs that they are spread over.
        #[arg(long, default_value_t = 1)]
        processes: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    raise_open_files()?;
    // By its threads' name a profile tells it from the product.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("bench")
        .enable_all()
        .build()?;
    runtime.block_on(run(arguments))
}

async fn run(Arguments { bench, rounds }: Arguments) -> anyhow::Result<()> {
    let report = match bench {
        Bench::Append => append::run(rounds).await?,
        Bench::Stream { streams, pause_ms } => {
            let (tokens, pause) = (100, Duration::from_millis(pause_ms));
            stream::run(rounds, &streams, Pace { tokens, pause }).await?
        }
        Bench::Project { events } => project::run(events).await?,
        Bench::Replay { events } => replay::run(events, rounds).await?,
        Bench::Growth { events } => Box::pin(growth::run(events)).await?,
        Bench::Profile { events } => Box::pin(profile::run(events)).await?,
        Bench::Start => start::run(rounds).await?,
        Bench::Memory { streams, processes } => memory::run(streams, processes).await?,
    };
    report.show()
}

/// Thousands of streams are as many open files, and shells often allow one thousand: as many as the system lets this process have.
fn raise_open_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?;
    Ok(())
}
