//! `GET /conversation/messages`: pages, and polling that is cheap.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stack, Visitor, send};

async fn page(visitor: &Visitor, query: &str) -> (Vec<String>, bool) {
    let page = visitor.get(&format!("/conversation/messages{query}")).await.data(200);
    let ids = page["messages"].as_array().expect("messages").iter().map(id).collect();
    (ids, page["has_more"].as_bool().expect("a flag"))
}

fn id(message: &Value) -> String {
    message["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_long_conversation_is_read_in_pages() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    for number in 0..20 {
        visitor.ask(&format!("Question {number}?")).await;
    }
    let (all, more) = page(&visitor, "?limit=100").await;
    assert_eq!((all.len(), more), (40, false));
    let mut sorted = all.clone();
    sorted.dedup();
    assert_eq!(sorted.len(), 40);

    assert_eq!(
        page(&visitor, "").await,
        (all[10..].to_vec(), true),
        "the last thirty, oldest first"
    );
    assert_eq!(page(&visitor, "?limit=1").await, (all[39..].to_vec(), true));
    assert_eq!(page(&visitor, "?limit=40").await, (all.clone(), false));
    assert_eq!(
        page(&visitor, &format!("?before={}", all[10])).await,
        (all[..10].to_vec(), false)
    );
    assert_eq!(
        page(&visitor, &format!("?before={}&limit=4", all[10])).await,
        (all[6..10].to_vec(), true)
    );
    assert_eq!(page(&visitor, &format!("?before={}", all[0])).await, (vec![], false));
    assert_eq!(
        page(&visitor, &format!("?after={}&limit=5", all[3])).await,
        (all[4..9].to_vec(), true)
    );
    assert_eq!(
        page(&visitor, &format!("?after={}", all[38])).await,
        (all[39..].to_vec(), false)
    );
    assert_eq!(page(&visitor, &format!("?after={}", all[39])).await, (vec![], false));
    // Walking back meets every message once.
    let (mut walked, mut before) = (Vec::new(), String::new());
    loop {
        let (mut ids, more) = page(&visitor, &format!("?limit=7{before}")).await;
        before = format!("&before={}", ids.first().expect("a message"));
        ids.extend(walked);
        walked = ids;
        if !more {
            break;
        }
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn a_message_says_who_wrote_what_and_when() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Can I return a lantern?").await;
    let messages = visitor.messages().await;
    assert_eq!(messages[0]["role"], "visitor");
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(messages[1]["low_confidence"], false);
    assert_eq!(messages[1]["finish_reason"], "complete");
    let created_at = |message: &Value| {
        assert_eq!(id(message).len(), 26);
        serde_json::from_value::<events::Timestamp>(message["created_at"].clone()).expect("a time")
    };
    assert!(created_at(&messages[0]) <= created_at(&messages[1]));
}

#[tokio::test]
async fn an_unchanged_conversation_is_not_sent_again() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    visitor.ask("First?").await;
    let answer = visitor.get("/conversation/messages").await.expect(200);
    let etag = answer.header("etag").expect("a tag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let ask = async |tag: &str| {
        send(
            visitor
                .request(Method::GET, "/conversation/messages")
                .header("If-None-Match", tag),
        )
        .await
    };

    let unchanged = ask(&etag).await.expect(304);
    assert!(unchanged.body.is_empty());
    assert_eq!(unchanged.header("etag"), Some(etag.as_str()));
    ask(&format!("W/{etag}")).await.expect(304);
    ask(&format!("\"other\", {etag}")).await.expect(304);
    ask("\"other\"").await.expect(200);

    visitor.ask("Second?").await;
    let changed = ask(&etag).await.expect(200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    assert_eq!(changed.data(200)["messages"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_tag_is_the_same_on_every_instance_and_another_after_any_change() {
    let stack = Stack::shared().await;
    let visitor = stack.agent().await.visitor().await;
    let answer = visitor.ask("Here?").await.message_id;
    let tag = async |visitor: &Visitor| {
        let answer = visitor.get("/conversation/messages").await.expect(200);
        answer.header("etag").expect("a tag").to_owned()
    };
    let first = tag(&visitor).await;
    assert_eq!(tag(&visitor.at(stack.second().await)).await, first);
    visitor
        .post(&format!("/messages/{answer}/feedback"), &json!({ "rating": "up" }))
        .await
        .expect(204);
    let rated = tag(&visitor).await;
    assert_ne!(rated, first);
    visitor.post_nothing("/conversation/clear").await.data(200);
    assert_ne!(tag(&visitor).await, rated);
}

#[tokio::test]
async fn what_was_cleared_is_on_no_page() {
    let visitor = Stack::shared().await.agent().await.busy_visitor().await;
    for number in 0..17 {
        visitor.ask(&format!("Before {number}?")).await;
    }
    let (old, _) = page(&visitor, "").await;
    visitor.post_nothing("/conversation/clear").await.data(200);
    assert_eq!(page(&visitor, "").await, (vec![], false));
    visitor.ask("After?").await;

    let (new, more) = page(&visitor, "?limit=100").await;
    assert_eq!((new.len(), more), (2, false));
    assert_eq!(
        page(&visitor, &format!("?after={}", old[5])).await,
        (new.clone(), false),
        "who polls sees a blank page and what is new"
    );
    assert_eq!(page(&visitor, &format!("?before={}", old[5])).await, (vec![], false));
}

#[tokio::test]
async fn pages_that_make_no_sense_are_refused() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let some = "01JA8Q5T3V9Y6ZK4W2M7XN8RBC";
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=many", "limit"),
        ("?before=x", "before"),
        ("?after=%00", "after"),
        (&format!("?before={some}&after={some}"), "after"),
    ] {
        let fields = visitor
            .get(&format!("/conversation/messages{query}"))
            .await
            .refused_fields();
        assert!(
            fields.iter().any(|name| name == field || name == "body"),
            "{query}: {fields:?}"
        );
    }
}
