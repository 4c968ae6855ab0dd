//! Versions stand beside each other; readers see one of them, and going back is one call.

use projector::{migrate, registry, versions};

use crate::support::{Bench, Someone, posted};

const MESSAGES: &str = "SELECT count(*) FROM read.messages";

#[tokio::test]
async fn a_rebuild_is_seen_when_it_is_promoted_and_not_before() {
    let bench = Bench::start().await;
    let someone = Someone::in_partition(0);
    let process = bench.projector_only(&["conversations"]);
    bench
        .append(&someone.conversation(), &[posted("one"), posted("two")])
        .await;
    bench.caught_up("conversations").await;
    // What a wrong projection left behind.
    sqlx::query("DELETE FROM conversations_v2.messages")
        .execute(&bench.pool)
        .await
        .expect("broken");

    let registered = registry::all();
    let conversations = registered
        .iter()
        .find(|one| one.name == "conversations")
        .expect("it is there");
    let version = migrate::rebuild(&bench.pool, conversations)
        .await
        .expect("another version");
    assert_eq!(version, 3);
    bench.version_caught_up("conversations", version).await;
    assert_eq!(bench.number(MESSAGES).await, 0, "readers still see the old one");

    let mut connection = bench.pool.acquire().await.expect("a connection");
    versions::promote(&mut connection, "conversations", version)
        .await
        .expect("promoted");
    assert_eq!(bench.number(MESSAGES).await, 2);

    bench.append(&someone.conversation(), &[posted("three")]).await;
    bench.caught_up("conversations").await;
    assert_eq!(bench.number(MESSAGES).await, 3, "the new one goes on");

    versions::promote(&mut connection, "conversations", 2)
        .await
        .expect("back");
    bench.caught_up("conversations").await;
    assert_eq!(bench.number(MESSAGES).await, 1, "the old one went on as well");
    versions::promote(&mut connection, "conversations", 9)
        .await
        .expect_err("there is no such version");
    process.stop().await;
}
