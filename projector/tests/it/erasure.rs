//! Erased visitors are gone from the read models, and a rebuild does not bring them back.

use events::{Subject, lead::LeadEvent, log::Erasure};
use projector::{migrate, registry, versions};

use crate::support::{AGENT, Bench, Someone, clicked, meta, now, posted, until};

async fn live(bench: &Bench, someone: &Someone) {
    bench.append(&someone.visitor(), &[someone.started()]).await;
    bench.append(&someone.conversation(), &[posted("my secret")]).await;
    bench
        .append(
            &Subject::Telemetry {
                agent_id: AGENT,
                visitor_id: someone.visitor_id,
            },
            &[clicked()],
        )
        .await;
    let lead_id = events::LeadId::from_bits(9);
    let lead = LeadEvent::Captured {
        conversation_id: someone.conversation_id,
        email: "alex@example.com".into(),
        name: Some(format!("{:?}", someone.visitor_id).into()),
        phone: None,
        fields: [].into(),
        consent: None,
        at: now(),
    };
    bench
        .append(
            &Subject::Lead {
                agent_id: AGENT,
                visitor_id: someone.visitor_id,
                lead_id,
            },
            &[lead],
        )
        .await;
    bench.append(&someone.conversation(), &[posted("and more")]).await;
}

async fn erase(bench: &Bench, someone: &Someone) -> Erasure {
    bench
        .log
        .erase_visitor(AGENT, someone.visitor_id, &meta())
        .await
        .expect("erased")
}

const CONVERSATIONS: &str = "SELECT visitor_id FROM read.conversations";
const HALTED: &str = "SELECT reason FROM read.checkpoints WHERE state <> 'running'";

#[tokio::test]
async fn an_erased_visitor_is_gone_and_a_rebuild_brings_nothing_back() {
    let bench = Bench::start().await;
    let (gone, stays) = (Someone::in_partition(0), Someone::in_partition(0));
    let process = bench.projector();
    live(&bench, &gone).await;
    live(&bench, &stays).await;
    live(&bench, &gone).await;
    for projection in ["conversations", "leads", "telemetry"] {
        bench.caught_up(projection).await;
    }
    assert_eq!(bench.texts(CONVERSATIONS).await.len(), 2);

    let erasure = erase(&bench, &gone).await;
    for projection in ["conversations", "leads", "telemetry", "erasures"] {
        bench.caught_up(projection).await;
    }

    assert_eq!(bench.texts(CONVERSATIONS).await, [stays.visitor_id.to_string()]);
    assert_eq!(bench.number("SELECT count(*) FROM read.messages").await, 2);
    assert_eq!(
        bench.texts("SELECT visitor_id FROM read.lead_submissions").await,
        [stays.visitor_id.to_string()]
    );
    assert_eq!(
        bench.texts("SELECT name FROM read.leads").await,
        [format!("{:?}", stays.visitor_id)]
    );
    assert_eq!(
        bench
            .number("SELECT sum(count)::bigint FROM read.telemetry_counts")
            .await,
        3,
        "counts stay"
    );
    assert_eq!(
        bench.texts("SELECT receipt_id FROM read.erasures").await,
        [erasure.receipt_id.to_string()]
    );
    assert_eq!(
        bench.texts("SELECT position FROM read.erasures").await,
        [erasure.position.to_string()]
    );

    let registered = registry::all();
    let conversations = registered
        .iter()
        .find(|one| one.name == "conversations")
        .expect("it is there");
    let version = migrate::rebuild(&bench.pool, conversations)
        .await
        .expect("another version");
    bench.version_caught_up("conversations", version).await;
    let mut connection = bench.pool.acquire().await.expect("a connection");
    versions::promote(&mut connection, "conversations", version)
        .await
        .expect("promoted");

    assert_eq!(bench.texts(CONVERSATIONS).await, [stays.visitor_id.to_string()]);
    assert_eq!(bench.number("SELECT count(*) FROM read.messages").await, 2);
    assert_eq!(bench.texts(HALTED).await, [""; 0], "every gap is explained");
    process.stop().await;
}

#[tokio::test]
async fn a_projector_that_comes_late_finds_every_gap_explained() {
    let bench = Bench::start().await;
    let (gone, stays) = (Someone::in_partition(1), Someone::in_partition(1));
    for _ in 0..3 {
        live(&bench, &gone).await;
        live(&bench, &stays).await;
    }
    erase(&bench, &gone).await;
    // Comes back as a stranger, and goes again: the second tombstone has to name what the first one named.
    live(&bench, &gone).await;
    live(&bench, &stays).await;
    erase(&bench, &gone).await;

    let process = bench.projector();

    for projection in ["conversations", "leads", "telemetry", "usage", "gaps", "erasures"] {
        bench.caught_up(projection).await;
    }
    assert_eq!(bench.texts(HALTED).await, [""; 0], "every gap is explained");
    assert_eq!(bench.texts(CONVERSATIONS).await, [stays.visitor_id.to_string()]);
    until("nothing waits", async || {
        bench.number("SELECT count(*) FROM read.dead_letters").await == 0
    })
    .await;
    process.stop().await;
}
