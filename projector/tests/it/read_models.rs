//! What readers see of a conversation, a lead and a page: the columns that others query, by name and type.

use events::{
    DocumentId, MessageId, Subject,
    agent::{AgentDefinition, AgentEvent},
    conversation::{ConversationEvent, Rating},
    document::DocumentEvent,
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{AGENT, Bench, Someone, WORKSPACE, answered, now, posted_for};

async fn rows(bench: &Bench, sql: &str) -> Value {
    let sql = format!("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM ({sql}) AS t");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&bench.pool)
        .await
        .expect("rows")
}

#[tokio::test]
async fn a_conversation_is_read_with_its_messages() {
    let bench = Bench::start().await;
    let process = bench.projector();
    let someone = Someone::in_partition(1);
    let (first, second) = (MessageId::generate(), MessageId::generate());
    bench.append(&someone.visitor(), &[someone.started()]).await;
    let rated = ConversationEvent::MessageRated {
        message_id: first,
        rating: Some(Rating::Up),
        comment: None,
        at: now(),
    };
    let failed = ConversationEvent::MessageFailed {
        message_id: second,
        code: "model_failed".to_owned(),
        reason: "503".to_owned(),
        at: now(),
    };
    let events = [
        posted_for("Do you ship to Norway?", first),
        answered(first, "I do not know.", true),
        rated,
        posted_for("Hm", second),
        failed,
    ];
    for event in events {
        bench.append(&someone.conversation(), &[event]).await;
    }
    for projection in ["conversations", "gaps", "usage"] {
        bench.caught_up(projection).await;
    }

    check_conversation(&bench, &someone).await;
    check_messages(&bench).await;
    let gaps = rows(
        &bench,
        "SELECT message_id, question, grouping_key, visitor_id FROM read.gaps",
    )
    .await;
    let gap = json!({
        "message_id": first, "question": "Do you ship to Norway?", "grouping_key": "norway ship",
        "visitor_id": someone.visitor_id,
    });
    assert_eq!(gaps, json!([gap]));
    let usage = rows(
        &bench,
        "SELECT workspace_id, month, conversations, messages, answers FROM read.usage",
    )
    .await;
    let used = json!({
        "workspace_id": WORKSPACE, "month": "2026-09-01", "conversations": 1, "messages": 2, "answers": 1,
    });
    assert_eq!(usage, json!([used]));
    process.stop().await;
}

async fn check_conversation(bench: &Bench, someone: &Someone) {
    let conversations = rows(
        bench,
        "SELECT conversation_id, agent_id, workspace_id, visitor_id, state, claimed_by, human_requested, closed, message_count,
            low_confidence_count, satisfaction, page_url, locale, preview FROM read.conversations",
    )
    .await;
    assert_eq!(
        conversations,
        json!([{
            "conversation_id": someone.conversation_id, "agent_id": AGENT, "workspace_id": WORKSPACE,
            "visitor_id": someone.visitor_id, "state": "open", "claimed_by": null, "human_requested": false,
            "closed": false, "message_count": 3, "low_confidence_count": 1, "satisfaction": null,
            "page_url": "https://shop.example/pricing", "locale": "en", "preview": "Hm",
        }])
    );
}

async fn check_messages(bench: &Bench) {
    let messages = rows(
        bench,
        "SELECT role, content, citations, low_confidence, rating, cleared, status, answer_to IS NOT NULL AS is_answer,
            failure_code, first_token_ms, position, partition, sequence FROM read.messages ORDER BY sequence",
    )
    .await;
    let citation = json!([{ "id": 1, "url": "https://shop.example/refunds" }]);
    let row = |role, content, status, sequence: u64| {
        json!({
            "role": role, "content": content, "citations": [], "low_confidence": null, "rating": null, "cleared": false,
            "status": status, "is_answer": false, "failure_code": null, "first_token_ms": null,
            "position": format!("1:{sequence}"), "partition": 1, "sequence": sequence,
        })
    };
    let mut answer = row("assistant", "I do not know.", "answered", 3);
    let object = answer.as_object_mut().expect("an object");
    object.extend([
        ("citations".to_owned(), citation),
        ("low_confidence".to_owned(), json!(true)),
    ]);
    object.extend([
        ("rating".to_owned(), json!("up")),
        ("is_answer".to_owned(), json!(true)),
    ]);
    object.insert("first_token_ms".to_owned(), json!(12));
    let mut lost = row("visitor", "Hm", "failed", 5);
    lost["failure_code"] = json!("model_failed");
    assert_eq!(
        messages,
        json!([row("visitor", "Do you ship to Norway?", "answered", 2), answer, lost])
    );
}

#[tokio::test]
async fn a_page_is_found_in_its_agents_language() {
    let bench = Bench::start().await;
    let process = bench.projector_only(&["documents"]);
    let url = "https://shop.example/lieferung";
    let put = DocumentEvent::Put {
        url: url.to_owned(),
        title: "Lieferung".to_owned(),
        text: "# Lieferung\n\n## Häuser und Wohnungen\n\nWir liefern in alle Häuser.".to_owned(),
        at: now(),
        crawled: None,
    };
    let document = Subject::Document {
        agent_id: AGENT,
        document_id: DocumentId::derive(AGENT, url),
    };
    bench.append(&document, &[put]).await;
    bench
        .append(&Subject::Agent { agent_id: AGENT }, &[defined("de-AT")])
        .await;
    bench.caught_up("documents").await;

    let found = rows(
        &bench,
        "SELECT url, title, heading, anchor, content, language, chunk FROM read.document_chunks
            WHERE search @@ websearch_to_tsquery(language, 'Haus')",
    )
    .await;

    assert_eq!(
        found,
        json!([{
            "url": url, "title": "Lieferung", "heading": "Häuser und Wohnungen", "anchor": "häuser-und-wohnungen",
            "content": "Wir liefern in alle Häuser.", "language": "german", "chunk": 0,
        }])
    );
    assert_eq!(
        rows(&bench, "SELECT url, chunks FROM read.documents").await,
        json!([{ "url": url, "chunks": 1 }])
    );

    bench
        .append(
            &document,
            &[DocumentEvent::Removed {
                url: url.to_owned(),
                at: now(),
            }],
        )
        .await;
    bench.caught_up("documents").await;
    assert_eq!(rows(&bench, "SELECT * FROM read.document_chunks").await, json!([]));
    process.stop().await;
}

fn defined(language: &str) -> AgentEvent {
    let definition = json!({ "workspace_id": WORKSPACE, "name": "Aria", "language_default": language });
    let definition: AgentDefinition = serde_json::from_value(definition).expect("a definition");
    AgentEvent::Defined {
        definition: Box::new(definition),
        at: now(),
    }
}
