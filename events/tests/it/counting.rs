//! Counters that every instance adds to.

use std::time::Duration;

use events::{Timestamp, WorkspaceId, log::Counter};

use crate::support::{Bench, connect, now};

const WINDOW: Duration = Duration::from_mins(1);

fn window(key: &str) -> Counter<'_> {
    Counter::Window {
        bucket: "session",
        key,
        window: WINDOW,
    }
}

#[tokio::test]
async fn all_instances_add_to_one_total() {
    let Bench { log, nats } = Bench::start().await;
    let other = connect(&nats).await;
    let workspace_id = WorkspaceId::from_bits(1);
    for counter in [window("somebody"), Counter::Month { workspace_id }] {
        for total in [1, 3] {
            assert_eq!(log.count(counter, now()).await.expect("a total"), total, "{counter:?}");
            assert_eq!(
                other.count(counter, now()).await.expect("a total"),
                total + 1,
                "{counter:?}"
            );
        }
    }
    assert_eq!(log.count(window("else"), now()).await.expect("a total"), 1);
}

#[tokio::test]
async fn what_is_taken_back_is_taken_from_the_window_that_counted_it() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (counter, later) = (window("somebody"), now().plus(WINDOW));
    let count = async |at: Timestamp| log.count(counter, at).await.expect("a total");
    assert_eq!([count(now()).await, count(now()).await, count(now()).await], [1, 2, 3]);
    assert_eq!(count(later).await, 1, "another window");

    assert_eq!(log.refund(counter, now()).await.expect("a total"), 2);

    assert_eq!([count(now()).await, count(later).await], [3, 2]);
}

#[tokio::test]
async fn what_was_never_counted_is_nothing_when_it_is_taken_back() {
    let Bench { log, nats: _nats } = Bench::start().await;
    assert_eq!(log.refund(window("nobody"), now()).await.expect("a total"), 0);
}
