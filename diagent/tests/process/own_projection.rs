//! The worked example of `projector/README.md`: somebody's own read model in one file, as a binary of one's own runs it.

use std::fs;

use clap::Parser as _;
use diagent::cli::Cli;
use projector::registry;

use crate::{
    read_models::{Bench, PARTITIONS},
    support::{free_addresses, until},
};

#[path = "../../examples/busy_hours.rs"]
#[expect(dead_code, reason = "its `main` is not this binary's")]
mod busy_hours;

#[tokio::test(flavor = "multi_thread")]
async fn an_own_read_model_is_filled_rebuilt_verified_and_promoted_like_the_products() {
    registry::extend(busy_hours::projections);
    let bench = Bench::start("own-projection").await;
    // The product's own projectors beside it know nothing of it.
    let mut products = bench.projector(&[]);
    bench.visits(0..PARTITIONS).await;
    let [address] = free_addresses();
    let arguments = ["projector", "--only", "busy_hours", "--projector-addr", &address];
    let role = command(&bench, &arguments);
    tokio::select! {
        ended = role => panic!("it runs until it is told to stop: {ended:?}"),
        () = an_operators_day(&bench) => {}
    }
    assert!(products.process.terminate().await.success());
}

async fn an_operators_day(bench: &Bench) {
    until("its tables are made", async || bench.has_version("busy_hours", 1).await).await;
    bench.caught_up("busy_hours", 1).await;
    assert_eq!(
        bench.texts(ROWS).await,
        ["14 8"],
        "one message of each of eight visitors, all in one hour"
    );
    for arguments in [
        &["projections", "rebuild", "busy_hours"][..],
        &["projections", "verify", "busy_hours", "--version", "2"],
        &["projections", "promote", "busy_hours"],
    ] {
        command(bench, arguments).await.expect("it works");
    }
    bench.visits([0]).await;
    bench.caught_up("busy_hours", 2).await;
    assert_eq!(bench.texts(ROWS).await, ["14 9"]);
}

const ROWS: &str = "SELECT hour || ' ' || messages FROM read.busy_hours ORDER BY hour";

/// What the binary of one's own does with `arguments`, on the servers of the bench.
async fn command(bench: &Bench, arguments: &[&str]) -> anyhow::Result<()> {
    let database = bench.postgres.url();
    let servers = ["--nats-url", bench.nats.url(), "--database-url", &database];
    let cli = Cli::parse_from(["busy_hours"].iter().chain(arguments).chain(&servers));
    Box::pin(cli.run()).await
}

#[test]
fn the_page_shows_the_example_as_it_is() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = fs::read_to_string(format!("{root}/projector/README.md")).expect("the page");
    let example = fs::read_to_string(format!("{root}/diagent/examples/busy_hours.rs")).expect("the example");
    let (_, code) = example.split_once("\n\n").expect("code behind the first comment");
    assert!(
        page.contains(code),
        "projector/README.md must hold the code of diagent/examples/busy_hours.rs as it is"
    );
}
