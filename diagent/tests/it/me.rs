//! `GET /me` and `DELETE /me`: one's own data, and being forgotten.

use serde_json::{Value, json};

use crate::support::{Agent, Stack, Visitor, model::Call, sse::Sse, until};

/// A visitor who has done a bit of everything, with words that nobody else uses.
async fn busy(agent: &Agent, word: &str) -> Visitor {
    let visitor = agent.visitor().await;
    let answer = visitor.ask(&format!("Do you know {word}-question?")).await;
    let comment = format!("{word}-comment");
    visitor
        .post(
            &format!("/messages/{}/feedback", answer.message_id),
            &json!({ "rating": "down", "comment": comment }),
        )
        .await
        .expect(204);
    let lead =
        json!({ "email": format!("{word}-mail@example.com"), "name": format!("{word}-name"), "phone": "+1 555 0100" });
    visitor.post("/leads", &lead).await.data(201);
    let page = agent.page(&format!("/{word}-page"));
    visitor
        .post(
            "/events",
            &json!({ "event": "cta.click", "page_url": page, "metadata": { "note": format!("{word}-note") } }),
        )
        .await
        .data(202);
    visitor
        .post(
            "/conversation/request-human",
            &json!({ "reason": format!("{word}-reason") }),
        )
        .await
        .data(202);
    visitor
}

#[tokio::test]
async fn the_export_holds_everything_and_nothing_of_others() {
    let agent = Stack::shared().await.agent().await;
    let (own, other) = (busy(&agent, "mine").await, busy(&agent, "theirs").await);
    own.post_nothing("/conversation/clear").await.data(200);

    let export = own.get("/me").await.data(200);

    assert_eq!(export["visitor_id"], own.visitor_id.as_str());
    assert_eq!(export["agent_id"], agent.id.as_str());
    let text = export.to_string();
    for word in [
        "question",
        "comment",
        "mail@example.com",
        "name",
        "page",
        "note",
        "reason",
    ] {
        assert!(text.contains(&format!("mine-{word}")), "{word} is missing: {text}");
    }
    assert!(!text.contains("theirs"), "{text}");
    let messages = export["conversations"][0]["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 2, "also what was cleared, since the log keeps it");
    assert_eq!(export["leads"].as_array().map(Vec::len), Some(1));
    assert_eq!(export["telemetry"].as_array().map(Vec::len), Some(1));
    drop(other);
}

#[tokio::test]
async fn the_export_holds_all_of_ones_conversations() {
    let agent = Stack::shared().await.agent().await;
    let first = agent.visitor().await;
    first.ask("In the first?").await;
    first.post_nothing("/conversation/close").await.expect(204);
    let second = agent.returning(&first.anonymous_id).await;
    second.ask("In the second?").await;

    let export = second.get("/me").await.data(200);

    let ids: Vec<&Value> = export["conversations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["conversation_id"])
        .collect();
    assert_eq!(ids, [&json!(first.conversation_id), &json!(second.conversation_id)]);
}

#[tokio::test]
async fn a_visitor_who_did_nothing_has_an_export_too() {
    let visitor = Stack::shared().await.agent().await.visitor().await;
    let export = visitor.get("/me").await.data(200);
    assert_eq!(export["leads"], json!([]));
    assert_eq!(export["telemetry"], json!([]));
}

#[tokio::test]
async fn the_log_forgets_before_the_receipt_is_given() {
    let agent = Stack::shared().await.agent().await;
    let (own, other) = (busy(&agent, "forgotten").await, busy(&agent, "kept").await);

    let receipt = own.erase().await;

    let data = receipt.data(202);
    assert_eq!(data["receipt_id"].as_str().map(str::len), Some(26));
    assert_eq!(data["position"], receipt.position());
    let log = agent.log().await;
    let text = json!(log).to_string();
    assert!(!text.contains("forgotten"), "{text}");
    let of_own: Vec<&Value> = log
        .iter()
        .filter(|event| event["visitorid"] == own.visitor_id.as_str())
        .collect();
    assert_eq!(of_own.len(), 1, "{of_own:?}");
    let tombstone = of_own[0];
    assert_eq!(tombstone["type"], "diagent.visitor.erased");
    assert_eq!(tombstone["data"]["receipt_id"], data["receipt_id"]);
    assert_eq!(tombstone["position"], data["position"]);
    let removed = tombstone["data"]["removed"].as_array().expect("ranges");
    let count: u64 = removed
        .iter()
        .map(|range| range["last"].as_u64().expect("a number") - range["first"].as_u64().expect("a number") + 1)
        .sum();
    let kept = log
        .iter()
        .filter(|event| event["visitorid"] == other.visitor_id.as_str())
        .count();
    assert_eq!(count, kept as u64, "both did the same: every gap is explained");
    other.get("/me").await.data(200);
}

#[tokio::test]
async fn the_read_models_forget() {
    let agent = Stack::shared().await.agent().await;
    let (own, other) = (busy(&agent, "forgotten").await, busy(&agent, "kept").await);
    let before = other.post("/events", &json!({ "event": "cta.click" })).await.position();
    agent
        .team
        .read_at(&agent.path("/conversations"), &before)
        .await
        .data(200);

    let receipt = own.erase().await;

    let (position, receipt_id) = (receipt.position(), receipt.data(202)["receipt_id"].clone());
    let conversation = format!("/api/v1/conversations/{}", own.conversation_id);
    agent
        .team
        .read_at(&conversation, &position)
        .await
        .refusal(404, "conversation_not_found");
    for list in ["/conversations", "/leads", "/leads?format=csv", "/gaps"] {
        let seen = agent
            .team
            .read_at(&agent.path(list), &position)
            .await
            .expect(200)
            .text();
        assert!(
            !seen.contains("forgotten") && !seen.contains(&own.visitor_id),
            "{list}: {seen}"
        );
        assert!(
            seen.contains("kept") || seen.contains(&other.visitor_id),
            "{list}: {seen}"
        );
    }
    let counts = agent.team.read_at(&agent.path("/telemetry"), &position).await.data(200);
    let clicks: i64 = counts
        .as_array()
        .expect("counts")
        .iter()
        .map(|row| row["count"].as_i64().expect("a number"))
        .sum();
    assert_eq!(clicks, 3, "aggregated counts stay: {counts}");

    let path = format!("/api/v1/erasures/{}", receipt_id.as_str().expect("an id"));
    until("every projection has forgotten", async || {
        let state = agent.team.read_at(&path, &position).await.data(200);
        let projections = state["done_in_projections"].as_object().cloned().unwrap_or_default();
        let done =
            state["done_in_log"] == true && projections.len() >= 5 && projections.values().all(|done| *done == true);
        if done { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_receipt_is_for_its_own_workspace() {
    let stack = Stack::shared().await;
    let (agent, other) = (stack.agent().await, stack.agent().await);
    let receipt = agent.visitor().await.erase().await;
    let path = format!(
        "/api/v1/erasures/{}",
        receipt.data(202)["receipt_id"].as_str().expect("an id")
    );
    agent.team.read_at(&path, &receipt.position()).await.data(200);
    other.team.read(&path).await.refusal(404, "erasure_not_found");
    agent
        .team
        .read("/api/v1/erasures/01JA8Q5T3V9Y6ZK4W2M7XN8RBC")
        .await
        .refusal(404, "erasure_not_found");
}

/// An answer that has begun, as the visitor reads it and as the model says it.
async fn being_answered(stack: &Stack, visitor: &Visitor) -> (Sse, Call) {
    let mut script = stack.model().script();
    let mut stream = visitor.stream_message(&script.question(), "c1").await;
    let mut call = script.call().await;
    call.say("It is said that ");
    stream.token().await;
    (stream, call)
}

#[tokio::test]
async fn an_answer_that_is_being_written_does_not_come_back() {
    let stack = Stack::with_model().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let (mut stream, mut call) = being_answered(&stack, &visitor).await;

    visitor.erase().await.data(202);
    call.say("you were here.");
    call.finish();

    // It must come to an end, whatever it says.
    while stream.next().await.is_some() {}
    let after = agent.visitor().await.ask("Is the responder done?").await;
    assert_eq!(after.done()["finish_reason"], "complete");
    let left: Vec<Value> = agent
        .log()
        .await
        .into_iter()
        .filter(|event| event["visitorid"] == visitor.visitor_id.as_str())
        .collect();
    assert_eq!(left.len(), 1, "only the tombstone: {left:?}");
    assert!(!json!(left).to_string().contains("It is said"));
}

#[tokio::test]
async fn an_answer_that_is_being_written_ends_with_its_visitor() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let (stream, call) = being_answered(&stack, &visitor).await;

    visitor.erase().await.data(202);

    call.gone().await;
    let ended = stream.to_end().await;
    assert_eq!(
        ended.events(),
        ["citations", "done"],
        "it was stopped, and did not fail"
    );
}

#[tokio::test]
async fn what_was_said_of_an_erased_visitor_cannot_be_resumed() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    let answer = visitor.ask("Remember this?").await;
    visitor.erase().await.data(202);
    // The same person with the same anonymous id, in a new conversation.
    let again = agent.returning(&visitor.anonymous_id).await;
    again
        .get(&format!("/messages/{}/stream", answer.message_id))
        .await
        .refusal(404, "message_not_found");
    let export = again.get("/me").await.data(200).to_string();
    assert!(!export.contains("Remember this?"), "{export}");
}

#[tokio::test]
async fn a_team_cannot_act_on_what_is_gone() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Here I am?").await;
    visitor.erase().await.data(202);
    for (action, body) in [
        ("claim", None),
        ("reply", Some(json!({ "content": "Hello?" }))),
        ("release", None),
        ("close", None),
    ] {
        agent
            .team
            .act(&visitor.conversation_id, action, body)
            .await
            .refusal(404, "conversation_not_found");
    }
}

#[tokio::test]
async fn what_is_written_at_the_same_moment_is_gone_as_well() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    for round in 0..5 {
        let visitor = agent.busy_visitor().await;
        let elsewhere = visitor.at(agent.second().await);
        let report = json!({ "event": "racing" });
        let writes = futures::future::join_all((0..20).map(|_| elsewhere.post("/events", &report)));
        let leads = futures::future::join_all((0..4).map(|number| {
            let lead = json!({ "email": format!("racing{number}@example.com") });
            let visitor = visitor.clone();
            async move { visitor.post("/leads", &lead).await }
        }));
        let (erased, writes, leads) = tokio::join!(visitor.erase(), writes, leads);
        erased.data(202);
        for answer in writes.iter().chain(&leads) {
            assert!(matches!(answer.status, 200..=202 | 401), "{answer}");
        }
        let log = agent.log().await;
        let mut left: Vec<&str> = log
            .iter()
            .filter(|event| event["visitorid"] == visitor.visitor_id.as_str())
            .filter_map(|event| event["type"].as_str())
            .collect();
        // Two instances that erased what came late at the same moment may both have left their tombstone.
        left.dedup();
        assert_eq!(left, ["diagent.visitor.erased"], "round {round}");
    }
}

#[tokio::test]
async fn an_erasure_that_broke_off_is_finished_when_it_is_asked_for_again() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = busy(&agent, "halfway").await;
    // What is left of an erasure whose log went away after the first step.
    let log = stack.log().await;
    let revocation = json!({ "at": log.clock().now(), "conversations": [visitor.conversation_id] });
    let subject = format!("revoked.{}", visitor.visitor_id);
    let told = log.client().request(subject, revocation.to_string().into()).await;
    told.expect("an acknowledgement");
    until("the token is dead", async || {
        let answer = visitor.get("/me").await;
        if answer.status == 401 {
            Ok(())
        } else {
            Err(answer.to_string())
        }
    })
    .await;

    visitor.erase().await.data(202);

    visitor.erase().await.refusal(401, "unauthorized");
    let log = json!(agent.log().await).to_string();
    assert!(!log.contains("halfway"), "{log}");
}
