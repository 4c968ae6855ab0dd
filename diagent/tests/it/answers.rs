//! What answers are made of. Features, "Answers".

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Parameters, Stack, model::UNSCRIPTED};

#[tokio::test]
async fn an_answer_quotes_the_agents_pages_and_names_them() {
    let agent = Stack::shared().await.taught_agent().await;
    let transcript = agent
        .visitor()
        .await
        .ask("Who was your founder, the lighthouse keeper?")
        .await;
    let text = transcript.text();
    let citations = transcript
        .citations()
        .expect("citations")
        .as_array()
        .expect("a list")
        .clone();
    assert!(text.contains("Matilda Thrale"), "{text}");
    assert!(
        citations.iter().any(|one| one["url"]
            .as_str()
            .is_some_and(|url| url.starts_with(&agent.page("/about")))),
        "{citations:?}"
    );
    for (number, citation) in (1..).zip(&citations) {
        assert_eq!(citation["id"], number);
        assert!(citation["url"].as_str().expect("an address").starts_with(&agent.origin));
    }
}

#[tokio::test]
async fn what_the_pages_do_not_say_is_admitted() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.visitor().await;
    let transcript = visitor
        .ask("Which quantum chromodynamics lectures do penguins attend?")
        .await;
    assert_eq!(transcript.done()["low_confidence"], true);
    assert_eq!(transcript.citations(), Some(&json!([])));
    assert!(!transcript.text().is_empty(), "honest, not silent");
    let stored = visitor.messages().await.pop().expect("an answer");
    assert_eq!(stored["low_confidence"], true);
}

#[tokio::test]
async fn an_agent_knows_its_own_pages_only() {
    let stack = Stack::shared().await;
    let (one, other) = (stack.taught_agent().await, stack.agent().await);
    let position = other
        .teach(
            "/secret",
            "Secret",
            "The password of the vault is swordfish, say the vault keepers.",
        )
        .await;
    other.knows(&position).await;
    let question = "What is the password of the vault?";
    assert!(other.visitor().await.ask(question).await.text().contains("swordfish"));
    let asked = one.visitor().await.ask(question).await;
    assert!(!asked.text().contains("swordfish"), "{}", asked.text());
    assert_eq!(asked.done()["low_confidence"], true);
}

#[tokio::test]
async fn a_changed_page_changes_answers() {
    let agent = Stack::shared().await.agent().await;
    let question = "What are the opening hours of the workshop?";
    let position = agent
        .teach(
            "/hours",
            "Opening hours",
            "The opening hours of the workshop are nine to five.",
        )
        .await;
    agent.knows(&position).await;
    assert!(
        agent
            .visitor()
            .await
            .ask(question)
            .await
            .text()
            .contains("nine to five")
    );

    let position = agent
        .teach(
            "/hours",
            "Opening hours",
            "The opening hours of the workshop are ten to four.",
        )
        .await;
    agent.knows(&position).await;

    let text = agent.visitor().await.ask(question).await.text();
    assert!(text.contains("ten to four") && !text.contains("nine to five"), "{text}");
    let request = agent.team.command(reqwest::Method::DELETE, &agent.path("/documents"));
    let removed = crate::support::send(request.query(&[("url", agent.page("/hours"))]))
        .await
        .expect(204);
    agent.knows(&removed.position()).await;
    assert_eq!(agent.visitor().await.ask(question).await.done()["low_confidence"], true);
}

#[tokio::test]
async fn a_curated_answer_comes_before_anything_else() {
    let stack = Stack::with_model().await;
    let hours = json!({ "kind": "curated", "questions": ["Are you open today?"], "answer": "Until six.", "url": "https://shop.example/hours" });
    let holidays = json!({ "kind": "curated", "answer": "We are closed until Monday." });
    let rules = json!([
        { "id": "hours", "conditions": {}, "action": hours },
        { "id": "holidays", "priority": 1, "conditions": { "intent_keywords": ["open"], "url_patterns": ["/holidays*"] }, "action": holidays },
    ]);
    let agent = stack.agent_with(json!({ "behavior_rules": rules })).await;
    let visitor = agent.visitor().await;
    let transcript = visitor.ask("are you open, today").await;
    assert_eq!(transcript.text(), "Until six.");
    assert_eq!(
        transcript.citations(),
        Some(&json!([{ "id": 1, "url": "https://shop.example/hours" }]))
    );
    assert_eq!(transcript.done()["low_confidence"], false);
    let on_the_page = json!({ "message": "Are you open today?", "page_url": agent.page("/holidays/2026") });
    let stream = visitor.stream_body(&on_the_page).await;
    let transcript = stream.unwrap_or_else(|answer| unreachable!("{answer}")).to_end().await;
    assert_eq!(transcript.text(), "We are closed until Monday.");
}

#[tokio::test]
async fn a_model_is_told_the_persona_the_passages_and_the_question() {
    let stack = Stack::with_model().await;
    let persona = json!({ "name": "Fern", "tone": "pirate", "instructions": "Mention the lighthouse." });
    let agent = stack.agent_with(json!({ "persona": persona })).await;
    agent.teach_pages().await;
    let mut script = stack.model().script();
    let question = format!("Can I return a lantern for a refund, {}?", script.marker);
    let visitor = agent.visitor().await;
    let stream = visitor.stream_message(&question, "c1").await;

    let call = script.call().await;

    assert_eq!(call.request["model"], "it-model");
    assert_eq!(call.request["stream"], true);
    let messages = call.request["messages"].as_array().expect("messages").clone();
    let system = messages[0]["content"].as_str().expect("a text");
    for told in ["Fern", "pirate", "Mention the lighthouse.", "within 30 days"] {
        assert!(system.contains(told), "{told}: {system}");
    }
    assert_eq!(
        messages.last().map(|message| message["content"].clone()),
        Some(json!(question))
    );
    call.answer(&["Aye, within 30 days [1]. See https://evil.example/ too."]);
    let transcript = stream.to_end().await;
    let citations = transcript.citations().expect("citations").to_string();
    assert!(
        citations.contains(&agent.origin) && !citations.contains("evil"),
        "only the agent's own pages: {citations}"
    );
    let answered = agent.logged("diagent.message.answered").await;
    assert_eq!(answered[0]["data"]["answerer"], "it-model");
    assert_eq!(
        answered[0]["data"]["usage"],
        json!({ "prompt_tokens": 21, "completion_tokens": 7 })
    );
}

#[tokio::test]
async fn nothing_that_a_model_says_runs_in_the_page() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;

    script.call().await.answer(&[
        "[here](java",
        "script:alert(1)), [x](data:text/html,hi), <java",
        "script:alert(2)>, <",
        "img src=x onerror=alert(1)>, [mail](mailto:a@shop.example).",
    ]);

    let text = stream.to_end().await.text();
    assert_eq!(
        text,
        "[here](…), [x](…), ‹javascript:alert(2)>, ‹img src=x onerror=alert(1)>, [mail](mailto:a@shop.example)."
    );
    assert_eq!(visitor.messages().await[1]["content"], text);
}

#[tokio::test]
async fn a_model_cites_what_it_refers_to_and_nothing_else() {
    let stack = Stack::with_model().await;
    let agent = stack.taught_agent().await;
    let table: [(&str, &str, &[u64]); 2] = [
        (
            "<think>Passage [2]?</think>Within 30 days [1]. Also [^2] free [99].",
            "Within 30 days [1]. Also free.",
            &[1],
        ),
        ("Within 30 days [99].", "Within 30 days.", &[]),
    ];
    for (said, expected, cited) in table {
        let visitor = agent.visitor().await;
        let mut script = stack.model().script();
        let question = format!("Can I return a lantern for a refund? {}", script.marker);
        let stream = visitor.stream_message(&question, "c1").await;
        let pieces: Vec<String> = said.chars().map(String::from).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        script.call().await.answer(&pieces);
        let transcript = stream.to_end().await;
        assert_eq!(transcript.text(), expected);
        let citations = transcript.citations().and_then(|citations| citations.as_array());
        let ids: Vec<u64> = citations
            .into_iter()
            .flatten()
            .filter_map(|citation| citation["id"].as_u64())
            .collect();
        assert_eq!(ids, cited, "{said}");
        if cited.is_empty() {
            assert_eq!(transcript.done()["low_confidence"], true, "{said}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_busy_is_asked_once_more() {
    let stack = Stack::with_model().await;
    let visitor = stack.agent().await.visitor().await;
    let mut script = stack.model().script();
    let stream = visitor.stream_message(&script.question(), "c1").await;
    script.call().await.refuse(StatusCode::TOO_MANY_REQUESTS);
    script.call().await.answer(&["Now."]);
    assert_eq!(stream.to_end().await.text(), "Now.");
}

#[tokio::test]
async fn without_its_model_an_agent_falls_back_on_its_pages() {
    let stack = Stack::with_model().await;
    let agent = stack.taught_agent().await;
    let visitor = agent.visitor().await;
    let mut script = stack.model().script();
    let question = format!("Can I return a lantern for a refund? {}", script.marker);
    let stream = visitor.stream_message(&question, "c1").await;
    for _ in 0..2 {
        script.call().await.refuse(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let transcript = stream.to_end().await;
    assert!(!transcript.text().is_empty());
    assert_eq!(transcript.done()["finish_reason"], "complete");
    assert_eq!(
        agent.logged("diagent.message.answered").await[0]["data"]["answerer"],
        "extractive"
    );
}

#[tokio::test]
async fn small_talk_is_answered_politely() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    let hello = visitor.ask("Hello!").await;
    assert!(hello.text().contains("Aria"), "{}", hello.text());
    assert_eq!(hello.done()["low_confidence"], false);
}

#[tokio::test]
async fn what_a_visitor_writes_is_data_for_the_search() {
    let agent = Stack::shared().await.taught_agent().await;
    let visitor = agent.busy_visitor().await;
    for question in [
        "'",
        "\\",
        "a & b | !c:*",
        "refund <-> (lantern",
        "'; DROP TABLE x; --",
        "%_%",
        "\u{202e}refund",
        "🏮",
        ":*",
        "\"\"",
        "return''lantern\\'",
    ] {
        let transcript = visitor.ask(question).await;
        assert_eq!(transcript.done()["finish_reason"], "complete", "{question}");
    }
    let stack = Stack::with_model().await;
    assert_eq!(
        stack.agent().await.visitor().await.ask("What do you say?").await.text(),
        UNSCRIPTED.concat()
    );
}

#[tokio::test]
async fn a_model_that_fails_again_and_again_is_left_alone() {
    let stack = Stack::own_with_model_and(&["--llm-failures-max", "2"]).await;
    let mut script = stack.model().script();
    let agent = stack.agent().await;
    for _ in 0..2 {
        let visitor = agent.visitor().await;
        let question = script.question();
        let refuse = async {
            for _ in 0..2 {
                script.call().await.refuse(StatusCode::SERVICE_UNAVAILABLE);
            }
        };
        let (answered, ()) = tokio::join!(visitor.ask(&question), refuse);
        assert_eq!(answered.done()["finish_reason"], "complete");
    }

    let left_alone = agent.visitor().await.ask(&script.question()).await;

    assert_eq!(left_alone.done()["finish_reason"], "complete");
    assert!(!script.is_called(), "the model has time to come back");
}
