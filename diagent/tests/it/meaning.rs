//! Passages that are found by what they mean: vectors made behind the indexing, questions that share no word with their answer,
//! and what happens when the embedding model fails or is changed. Features, "Answers".

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::{Agent, Options, Role, Stack, Transcript, embeddings::Embeddings, until};

#[tokio::test]
async fn what_is_meant_is_found_in_other_words() {
    let embeddings = Embeddings::start().await;
    embeddings.refuse("fake", StatusCode::TOO_MANY_REQUESTS);
    let arguments = embeddings.arguments("fake");
    let stack = Stack::started_with(&arguments.each_ref().map(String::as_str)).await;
    let agent = stack.taught_agent().await;

    // Until the model answers, words have to do.
    was_asked(&embeddings).await;
    let question = "What is your refund policy?";
    let by_words = agent.visitor().await.ask(question).await;
    assert_cites(&agent, &by_words, "/refunds");

    embeddings.recover();
    embedded(&agent, "fake").await;
    let visitor = agent.visitor().await;
    let answer = visitor.ask("Will I be reimbursed?").await;
    assert_cites(&agent, &answer, "/refunds");
    let followed = visitor.ask("And how long does it take?").await;
    assert_cites(&agent, &followed, "/refunds");
    let off_topic = visitor.ask("Which penguins attend quantum lectures?").await;
    assert_eq!(cited(&agent, &off_topic), [""; 0], "{}", off_topic.text());

    embeddings.refuse("fake", StatusCode::SERVICE_UNAVAILABLE);
    let by_words = agent.visitor().await.ask(question).await;
    assert_cites(&agent, &by_words, "/refunds");
}

#[tokio::test]
async fn another_model_is_made_beside_and_then_taken() {
    let embeddings = Embeddings::start().await;
    let stack = Stack::of(&[Role::CommandApi, Role::Projector, Role::ReadApi]).await;
    let responder = async |model: &str| {
        let arguments = embeddings.arguments(model);
        let options = Options::of(&[Role::Responder]);
        stack
            .launch(options.with(&arguments.each_ref().map(String::as_str)))
            .await
    };
    let first = responder("old").await;
    let agent = stack.taught_agent().await;
    embedded(&agent, "old").await;
    first.kill();

    embeddings.refuse("newer", StatusCode::SERVICE_UNAVAILABLE);
    let _second = responder("newer").await;
    until("the new model was asked for passages", async || {
        if embeddings.refused() > 0 {
            Ok(())
        } else {
            Err("nothing".to_owned())
        }
    })
    .await;
    let question = "Will I be reimbursed?";
    let meanwhile = agent.visitor().await.ask(question).await;
    assert_cites(&agent, &meanwhile, "/refunds");
    assert_eq!(embeddings.last_asked().as_deref(), Some("old"));

    embeddings.recover();
    embedded(&agent, "newer").await;
    until("questions follow", async || {
        let answer = agent.visitor().await.ask(question).await;
        assert_cites(&agent, &answer, "/refunds");
        match embeddings.last_asked() {
            Some(model) if model == "newer" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_misspelt_word_is_taken_for_one_that_the_site_uses() {
    let agent = Stack::shared().await.taught_agent().await;
    let answer = agent.visitor().await.ask("What is your reefund policcy?").await;
    assert_cites(&agent, &answer, "/refunds");
}

/// Waits until the model was asked in vain.
async fn was_asked(embeddings: &Embeddings) {
    until("the model was asked for passages", async || {
        match embeddings.refused() {
            0 => Err("nothing".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
}

/// Waits until all that the agent knows has vectors of `model`.
async fn embedded(agent: &Agent, model: &str) {
    until("all passages are embedded", async || {
        let knowledge = agent.team.read(&agent.path("/knowledge")).await.data(200);
        let is_done = knowledge["embedding_model"] == model
            && knowledge["chunks"].as_u64() > Some(0)
            && knowledge["embedded"] == knowledge["chunks"];
        if is_done { Ok(()) } else { Err(knowledge.to_string()) }
    })
    .await;
}

fn assert_cites(agent: &Agent, answer: &Transcript, page: &str) {
    assert!(
        cited(agent, answer).iter().any(|cited| cited == page),
        "{}",
        answer.text()
    );
}

/// The paths of the pages that an answer cites.
fn cited(agent: &Agent, answer: &Transcript) -> Vec<String> {
    let citations = answer.citations().and_then(Value::as_array);
    let urls = citations
        .into_iter()
        .flatten()
        .filter_map(|citation| citation["url"].as_str());
    urls.map(|url| {
        url.trim_start_matches(&agent.origin)
            .split('#')
            .next()
            .unwrap_or_default()
            .to_owned()
    })
    .collect()
}
