//! The law of projections, checked for everything in the registry: rows depend on the log alone, not on where batches end,
//! nor on how partitions interleave. And after an erasure nothing of the visitor is left.

use events::{LogEvent, Partition, Recorded, visitor::VisitorEvent};
use projector::{Registered, registry};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use sqlx::{Acquire as _, PgConnection};

use crate::{
    generated::{self, Story, visitor_id},
    support::{Bench, dump},
};

const CASES: u32 = 48;

#[tokio::test(flavor = "multi_thread")]
async fn rows_depend_on_the_log_alone() {
    let bench = Bench::start().await;
    let mut connection = bench.pool.acquire().await.expect("a connection");
    let projections = registry::all();
    let strategy = (generated::steps(120), prop::collection::vec(1_usize..12, 1..8));
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        });
        let connection = std::cell::RefCell::new(&mut connection);
        runner.run(&strategy, |(steps, cuts)| {
            let story = Story::of(&steps);
            let connection: &mut PgConnection = &mut connection.borrow_mut();
            for projection in &projections {
                runtime.block_on(check(connection, projection, &story, &cuts))?;
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn check(
    connection: &mut PgConnection,
    projection: &Registered,
    story: &Story,
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let partitions: Vec<Vec<Recorded>> = story
        .partitions
        .values()
        .map(|events| {
            events
                .iter()
                .filter(|event| projection.reads(event.subject.category()))
                .cloned()
                .collect()
        })
        .collect();
    let one_by_one = project(
        connection,
        projection,
        partitions.iter().map(|events| batches(events, &[1])),
    )
    .await;
    let whole = project(
        connection,
        projection,
        partitions.iter().map(|events| batches(events, &[usize::MAX])),
    )
    .await;
    let cut = project(
        connection,
        projection,
        partitions.iter().rev().map(|events| batches(events, cuts)),
    )
    .await;
    prop_assert_eq!(&one_by_one, &whole, "{:?}: one by one, and at once", projection);
    prop_assert_eq!(
        &one_by_one,
        &cut,
        "{:?}: one by one, and cut by {:?}, last partition first",
        projection,
        cuts
    );
    if projection.name != "erasures" {
        for gone in erased_at_the_end(story) {
            let left = one_by_one.iter().any(|(_, rows)| rows.to_string().contains(&gone));
            prop_assert!(!left, "{:?} remembers {}", projection, gone);
        }
    }
    Ok(())
}

/// The rows that `batches` of each partition make, in a transaction that is taken back.
async fn project<'a>(
    connection: &mut PgConnection,
    projection: &Registered,
    partitions: impl Iterator<Item = Vec<&'a [Recorded]>>,
) -> Vec<(String, Value)> {
    let mut transaction = connection.begin().await.expect("a transaction");
    let schema = format!("{}_v{}, public", projection.name, projection.definition);
    sqlx::query("SELECT set_config('search_path', $1, true)")
        .bind(schema)
        .execute(&mut *transaction)
        .await
        .expect("a schema");
    for batch in partitions.flatten() {
        projection.apply(&mut transaction, batch).await.expect(projection.name);
    }
    let rows = dump(&mut transaction).await;
    transaction.rollback().await.expect("taken back");
    rows
}

/// `events` cut into batches of these sizes, over and over.
fn batches<'a>(events: &'a [Recorded], sizes: &[usize]) -> Vec<&'a [Recorded]> {
    let mut sizes = sizes.iter().cycle();
    let mut rest = events;
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).min(rest.len());
        let (batch, left) = rest.split_at(size);
        batches.push(batch);
        rest = left;
    }
    batches
}

/// The visitors whose last event is their erasure.
fn erased_at_the_end(story: &Story) -> Vec<String> {
    (0..4)
        .map(visitor_id)
        .filter(|visitor_id| {
            let mut events = story
                .partitions
                .iter()
                .filter(|(partition, _)| matches!(partition, Partition::Events(_)));
            let last = events.find_map(|(_, events)| {
                events
                    .iter()
                    .rev()
                    .find(|event| event.subject.visitor_id() == Some(*visitor_id))
            });
            last.is_some_and(|last| matches!(last.event, LogEvent::Visitor(VisitorEvent::Erased { .. })))
        })
        .map(|visitor_id| visitor_id.to_string())
        .collect()
}
