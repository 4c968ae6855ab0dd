//! One person at a time has a conversation.

use serde_json::json;

use crate::support::Stack;

#[tokio::test]
async fn only_one_person_has_a_conversation() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let (robin, sam) = (agent.member("robin", "write"), agent.member("sam", "write"));
    let id = &visitor.conversation_id;
    let reply = || Some(json!({ "content": "Hello." }));
    sam.act(id, "reply", reply()).await.refusal(409, "not_claimed");
    sam.act(id, "typing", None).await.refusal(409, "not_claimed");
    robin.act(id, "claim", None).await.data(200);
    assert_eq!(
        robin.act(id, "claim", None).await.data(200)["claimed_by"],
        "robin",
        "claiming twice changes nothing"
    );

    let refused = sam.act(id, "claim", None).await.refusal(409, "claimed_by_another");
    assert_eq!(
        (&refused["claimed_by"], &refused["message"]),
        (&json!("robin"), &json!("robin has taken the conversation over."))
    );
    sam.act(id, "typing", None).await.refusal(409, "claimed_by_another");
    sam.act(id, "reply", reply()).await.refusal(409, "claimed_by_another");
    sam.act(id, "release", None).await.refusal(409, "claimed_by_another");

    robin.act(id, "release", None).await.data(200);
    robin.act(id, "release", None).await.data(200);
    sam.act(id, "claim", None).await.data(200);
    sam.act(id, "reply", reply()).await.data(201);
    assert_eq!(agent.logged("diagent.conversation.claimed").await.len(), 2);
    assert_eq!(agent.logged("diagent.conversation.released").await.len(), 1);
}

#[tokio::test]
async fn a_conversation_is_taken_from_who_is_gone_and_from_nobody_else() {
    let agent = Stack::shared().await.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let [robin, sam, kim] = ["robin", "sam", "kim"].map(|name| agent.member(name, "write"));
    let id = &visitor.conversation_id;
    let instead_of = |name| Some(json!({ "instead_of": name }));
    robin.act(id, "claim", instead_of("kim")).await.data(200);

    let refused = sam
        .act(id, "claim", instead_of("kim"))
        .await
        .refusal(409, "claimed_by_another");
    assert_eq!(refused["claimed_by"], "robin", "it was not Kim who had it");
    let unknown = sam.act(id, "claim", Some(json!({ "instead": "robin" }))).await;
    assert_eq!(unknown.refused_fields(), ["instead"]);

    for _ in 0..2 {
        let taken = sam.act(id, "claim", instead_of("robin")).await.data(200);
        assert_eq!(taken["claimed_by"], "sam");
    }
    sam.act(id, "claim", instead_of("sam")).await.data(200);
    robin
        .act(id, "reply", Some(json!({ "content": "Back again." })))
        .await
        .refusal(409, "claimed_by_another");
    kim.act(id, "claim", instead_of("robin"))
        .await
        .refusal(409, "claimed_by_another");
    let transcript = visitor.ask("And now?").await;
    assert_eq!(transcript.events(), ["done"], "the agent is silent");
    let released = agent.logged("diagent.conversation.released").await;
    let claimed = agent.logged("diagent.conversation.claimed").await;
    assert_eq!((released.len(), claimed.len()), (1, 2), "a repeat changes nothing");
    assert_eq!(released[0]["data"]["operator"]["id"], "robin");
    assert_eq!(
        released[0]["correlationid"], claimed[1]["correlationid"],
        "who ended it is known"
    );
}

#[tokio::test]
async fn of_two_people_who_claim_at_once_one_has_it() {
    let stack = Stack::shared().await;
    let agent = stack.agent().await;
    let visitor = agent.visitor().await;
    visitor.ask("Is anybody there?").await;
    let second = stack.second().await;
    let people = ["robin", "sam", "kim", "lou"].map(|name| agent.member(name, "write"));
    let claims = people.iter().enumerate().map(async |(number, person)| {
        let person = if number % 2 == 0 {
            person.clone()
        } else {
            person.clone().at(second)
        };
        person.act(&visitor.conversation_id, "claim", None).await.status
    });
    let mut statuses = futures::future::join_all(claims).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    assert_eq!(agent.logged("diagent.conversation.claimed").await.len(), 1);
}
