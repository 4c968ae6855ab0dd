//! What a site's team reads: conversations, messages, leads. Design, "Interfaces", read.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Stack, Visitor};

/// Every row of a list that is read page by page.
async fn all_pages(agent: &Agent, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = agent
            .team
            .read(&format!("{path}{separator}limit={limit}{cursor}"))
            .await;
        let data = page.data(200);
        let data = data.as_array().expect("rows");
        assert!(data.len() <= limit);
        rows.extend(data.iter().cloned());
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

fn ids<'a>(rows: &'a [Value], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().expect("an id")).collect()
}

async fn last(visitor: &Visitor, question: &str) -> String {
    visitor
        .post("/messages", &json!({ "message": question }))
        .await
        .data(200);
    // The answer was appended behind the message: something behind both says that both have been seen.
    visitor.post("/events", &json!({ "event": "seen" })).await.position()
}

#[tokio::test]
async fn a_conversation_is_read_with_everything_in_it() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;
    last(&visitor, "Can I return a lantern?").await;
    let answer = visitor.messages().await[1]["id"].as_str().expect("an id").to_owned();
    visitor
        .post(&format!("/messages/{answer}/feedback"), &json!({ "rating": "up" }))
        .await
        .expect(204);
    visitor.post_nothing("/conversation/clear").await.data(200);
    visitor.post("/conversation/request-human", &json!({})).await.data(202);
    agent.team.act(&visitor.conversation_id, "claim", None).await.data(200);
    let replied = agent
        .team
        .act(&visitor.conversation_id, "reply", Some(json!({ "content": "Yes." })))
        .await;
    let rated = visitor
        .post("/conversation/satisfaction", &json!({ "rating": "good" }))
        .await
        .position();

    let data = agent
        .team
        .read_at(&format!("/api/v1/conversations/{}", visitor.conversation_id), &rated)
        .await
        .data(200);

    assert_eq!(data["conversation_id"], visitor.conversation_id.as_str());
    assert_eq!(data["visitor_id"], visitor.visitor_id.as_str());
    assert_eq!(data["agent_id"], agent.id.as_str());
    assert_eq!(
        (&data["state"], &data["claimed_by"]),
        (&json!("claimed"), &json!("robin"))
    );
    assert_eq!(data["satisfaction"], "good");
    assert_eq!(data["page_url"], agent.page("/pricing").as_str());
    let messages = data["messages"].as_array().expect("messages").clone();
    assert_eq!(ids(&messages, "role"), ["visitor", "assistant", "operator"]);
    assert_eq!(messages[0]["content"], "Can I return a lantern?");
    assert_eq!(
        (&messages[1]["rating"], &messages[1]["finish_reason"]),
        (&json!("up"), &json!("complete"))
    );
    assert!(
        messages[1]["citations"][0]["url"]
            .as_str()
            .is_some_and(|url| url.starts_with(&agent.origin))
    );
    assert_eq!(
        [
            &messages[0]["cleared"],
            &messages[1]["cleared"],
            &messages[2]["cleared"]
        ],
        [true, true, false]
    );
    assert_eq!(messages[2]["message_id"], replied.data(201)["message_id"]);
    assert_eq!(messages[2]["author"], "robin");
    assert_eq!(data["message_count"], 3);
}

#[tokio::test]
async fn conversations_are_listed_page_by_page() {
    let agent = Stack::shared().await.agent().await;
    let mut expected = Vec::new();
    let mut position = String::new();
    for number in 0..7 {
        let visitor = agent.visitor().await;
        position = last(&visitor, &format!("Question {number}?")).await;
        agent
            .team
            .read_at(&agent.path("/conversations"), &position)
            .await
            .data(200);
        expected.insert(0, visitor.conversation_id);
    }
    let whole = agent.team.read_at(&agent.path("/conversations"), &position).await;
    assert_eq!(
        ids(whole.data(200).as_array().expect("rows"), "conversation_id"),
        expected,
        "the last active first"
    );
    assert_eq!(whole.json()["next_cursor"], Value::Null);
    for limit in [1, 2, 3, 7, 200] {
        assert_eq!(
            ids(
                &all_pages(&agent, &agent.path("/conversations"), limit).await,
                "conversation_id"
            ),
            expected
        );
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=nonsense", "cursor"),
        ("state=lost", "state"),
        ("from=yesterday", "from"),
        ("min_position=x", "min_position"),
        ("min_position=99:1", "min_position"),
    ] {
        let fields = agent
            .team
            .read(&format!("{}?{query}", agent.path("/conversations")))
            .await
            .refused_fields();
        assert_eq!(fields, [field], "{query}");
    }
}

#[tokio::test]
async fn conversations_are_filtered() {
    let agent = Stack::shared().await.agent().await;
    let (open, claimed, closed) = (agent.visitor().await, agent.visitor().await, agent.visitor().await);
    open.post_nothing("/conversation/request-human").await.data(202);
    claimed.ask("Is anybody there?").await;
    agent.team.act(&claimed.conversation_id, "claim", None).await.data(200);
    closed.post_nothing("/conversation/close").await.expect(204);
    for visitor in [&open, &claimed, &closed] {
        let position = visitor.post("/events", &json!({ "event": "seen" })).await.position();
        agent
            .team
            .read_at(&agent.path("/conversations"), &position)
            .await
            .data(200);
    }
    for (query, expected) in [
        ("state=open", vec![&open]),
        ("state=claimed", vec![&claimed]),
        ("state=closed", vec![&closed]),
        ("human_requested=true", vec![&open]),
        ("from=2999-01-01T00:00:00Z", vec![]),
        ("to=2000-01-01T00:00:00Z", vec![]),
    ] {
        let rows = agent
            .team
            .read(&format!("{}?{query}", agent.path("/conversations")))
            .await
            .data(200);
        let expected: Vec<&str> = expected
            .iter()
            .map(|visitor| visitor.conversation_id.as_str())
            .collect();
        assert_eq!(
            ids(rows.as_array().expect("rows"), "conversation_id"),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn leads_are_one_row_an_address_with_the_last_word() {
    let agent = Stack::shared()
        .await
        .agent_with(json!({ "lead_fields": [{ "key": "company" }, { "key": "seats", "kind": "number" }] }))
        .await;
    let (one, other) = (agent.visitor().await, agent.visitor().await);
    let first = one
        .post(
            "/leads",
            &json!({ "email": "alex@example.com", "name": "Alex", "fields": { "company": "Acme", "seats": 3 } }),
        )
        .await;
    agent
        .team
        .read_at(&agent.path("/leads"), &first.position())
        .await
        .data(200);
    let second = other
        .post(
            "/leads",
            &json!({ "email": "ALEX@example.com", "phone": "+1 555 0100", "fields": { "company": "Acme Ltd" } }),
        )
        .await;

    let rows = agent
        .team
        .read_at(&agent.path("/leads"), &second.position())
        .await
        .data(200);

    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    let lead = &rows[0];
    assert_eq!(lead["lead_id"], first.data(201)["lead_id"]);
    assert_eq!(lead["email"], "alex@example.com");
    assert_eq!(
        (&lead["name"], &lead["phone"]),
        (&json!("Alex"), &json!("+1 555 0100")),
        "what is not said again stays"
    );
    assert_eq!(lead["fields"], json!({ "company": "Acme Ltd", "seats": 3 }));
    assert_eq!(lead["submissions"], 2);
    assert!(lead["first_seen_at"].as_str() <= lead["last_seen_at"].as_str());
}

#[tokio::test]
async fn leads_are_listed_page_by_page_and_searched() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    let mut position = String::new();
    for number in 0..5 {
        let lead = json!({ "email": format!("person{number}@example.com"), "name": format!("Person 10{number}%") });
        position = visitor.post("/leads", &lead).await.position();
    }
    agent.team.read_at(&agent.path("/leads"), &position).await.data(200);
    let expected: Vec<String> = (0..5)
        .rev()
        .map(|number| format!("person{number}@example.com"))
        .collect();
    for limit in [1, 2, 5] {
        assert_eq!(
            ids(&all_pages(&agent, &agent.path("/leads"), limit).await, "email"),
            expected
        );
    }
    for (query, count) in [
        ("q=person3", 1),
        ("q=PERSON", 5),
        ("q=102%25", 1),
        ("q=%25", 5),
        ("q=_", 0),
        ("q=nobody", 0),
    ] {
        let rows = agent
            .team
            .read(&format!("{}?{query}", agent.path("/leads")))
            .await
            .data(200);
        assert_eq!(rows.as_array().map(Vec::len), Some(count), "{query}");
    }
    assert_eq!(
        agent
            .team
            .read(&format!("{}?format=xml", agent.path("/leads")))
            .await
            .refused_fields(),
        ["format"]
    );
}

#[tokio::test]
async fn a_csv_is_no_program() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.busy_visitor().await;
    let mut position = String::new();
    let names = [
        "=HYPERLINK(\"http://evil.example\")",
        "+1+1",
        "-1",
        "@SUM(A1)",
        "Comma, \"quoted\"",
        "Ünï 🏮",
    ];
    for (number, name) in names.iter().enumerate() {
        position = visitor
            .post(
                "/leads",
                &json!({ "email": format!("p{number}@example.com"), "name": name }),
            )
            .await
            .position();
    }

    let csv = agent.team.read_at(&agent.path("/leads?format=csv"), &position).await;

    assert!(
        csv.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/csv")),
        "{csv}"
    );
    assert!(
        csv.header("content-disposition")
            .is_some_and(|kind| kind.contains("attachment")),
        "{csv}"
    );
    let text = csv.expect(200).text();
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(
        text.lines()
            .next()
            .is_some_and(|line| line.contains("email") && line.contains("name"))
    );
    for name in &names[..4] {
        let quoted = name.replace('"', "\"\"");
        assert!(text.contains(&format!("\"'{quoted}\"")), "{name} could be run: {text}");
    }
    assert!(
        text.contains("\"Comma, \"\"quoted\"\"\"") && text.contains("Ünï 🏮"),
        "{text}"
    );
}

#[tokio::test]
async fn a_read_sees_the_write_before_it() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    for number in 0..10 {
        let visitor = agent.visitor().await;
        let path = format!("/api/v1/conversations/{}", visitor.conversation_id);
        let read = agent.team.read_at(&path, &visitor.position).await;
        assert_eq!(read.data(200)["message_count"], 0, "{number}");
        let position = visitor
            .post("/leads", &json!({ "email": format!("p{number}@example.com") }))
            .await
            .position();
        let leads = crate::support::send(
            agent
                .team
                .query(&agent.path("/leads"))
                .header("Diagent-Min-Position", position),
        )
        .await;
        assert_eq!(leads.data(200).as_array().map(Vec::len), Some(number + 1));
    }
}

#[tokio::test]
async fn a_read_that_cannot_see_it_yet_says_so() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let (partition, sequence) = visitor.position.split_once(':').expect("a position");
    let future = format!("{partition}:{}", sequence.parse::<u64>().expect("a number") + 1_000_000);
    let (answer, took): (Answer, Duration) =
        crate::support::http::timed(agent.team.read_once_at(&agent.path("/conversations"), &future)).await;
    answer.refusal(503, "projection_behind");
    assert!(answer.retry_after() >= 1);
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(9),
        "{took:?}"
    );
}
