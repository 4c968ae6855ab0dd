//! The month's quota of new conversations. Contract, `plan_limit_reached`; design, "Limits and quota".

use std::time::Duration;

use events::{Clock, Timestamp};
use futures::future::join_all;
use serde_json::json;

use crate::support::{Agent, Definition, Options, Role, Stack, unique};

#[tokio::test]
async fn when_the_quota_is_used_up_nobody_new_comes_in() {
    let stack = Stack::shared().await;
    let agent = Agent::define(&stack, Definition::new().quota(2)).await;
    let first = agent.visitor().await;
    agent.visitor().await;

    let refused = agent.init(&agent.init_body()).await;

    refused.refusal(429, "plan_limit_reached");
    let seconds = refused.retry_after();
    assert!(
        (1..=31 * 86_400).contains(&seconds),
        "the next month begins in {seconds} seconds?"
    );
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some(agent.origin.as_str())
    );
    let again = agent.returning(&first.anonymous_id).await;
    assert_eq!(again.conversation_id, first.conversation_id, "who is in stays in");
    first.ask("May I still ask?").await;
    assert_eq!(agent.logged("diagent.conversation.started").await.len(), 2);
}

#[tokio::test]
async fn only_a_new_conversation_counts() {
    let stack = Stack::shared().await;
    let agent = Agent::define(&stack, Definition::new().quota(2)).await;
    let visitor = agent.visitor().await;
    for _ in 0..5 {
        agent.returning(&visitor.anonymous_id).await;
    }
    let mut forced = agent.init_body();
    forced["anon_id"] = json!(visitor.anonymous_id);
    forced["force_new"] = json!(true);

    agent.init(&forced).await.data(200);

    agent.init(&forced).await.refusal(429, "plan_limit_reached");
    agent.init(&agent.init_body()).await.refusal(429, "plan_limit_reached");
}

#[tokio::test]
async fn a_quota_is_shared_by_the_agents_and_instances_of_a_workspace() {
    let stack = Stack::shared().await;
    let one = Agent::define(&stack, Definition::new().quota(3)).await;
    let other = Agent::define(&stack, Definition::new().quota(3).beside(&one)).await;
    let second = stack.second().await;
    one.knows_at(second).await;
    other.knows_at(second).await;

    let inits = (0..8).map(async |number| {
        let agent = if number % 2 == 0 { &one } else { &other };
        let instance = if number % 4 < 2 { stack.command_api() } else { second };
        let mut body = agent.init_body();
        body["anon_id"] = json!(unique("anon_"));
        agent.init_at(instance, &body).await.status
    });
    let mut statuses = join_all(inits).await;

    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
}

#[tokio::test]
async fn inits_that_race_are_counted_as_the_one_conversation_that_begins() {
    let stack = Stack::shared().await;
    let agent = Agent::define(&stack, Definition::new().quota(10)).await;
    let mut body = agent.init_body();
    body["anon_id"] = json!(unique("anon_"));
    join_all((0..8).map(|_| agent.init(&body))).await;

    for number in 0..9 {
        let answer = agent.init(&agent.init_body()).await;
        assert_eq!(answer.status, 200, "conversation {} of 10: {answer}", number + 2);
    }
    agent.init(&agent.init_body()).await.refusal(429, "plan_limit_reached");
}

#[tokio::test]
async fn a_workspace_without_a_quota_has_no_limit() {
    let stack = Stack::shared().await;
    let agent = Agent::define(&stack, Definition::new().quota(0)).await;
    for _ in 0..5 {
        agent.visitor().await;
    }
}

#[tokio::test]
async fn a_larger_quota_holds_at_once() {
    let stack = Stack::shared().await;
    let agent = Agent::define(&stack, Definition::new().quota(1)).await;
    agent.visitor().await;
    agent.init(&agent.init_body()).await.refusal(429, "plan_limit_reached");

    let workspace = format!("/api/v1/workspaces/{}", agent.workspace_id);
    agent
        .team
        .put(&workspace, &json!({ "name": "A shop", "monthly_conversations": 2 }))
        .await
        .expect(200);

    agent.visitor().await;
    agent.init(&agent.init_body()).await.refusal(429, "plan_limit_reached");
}

#[tokio::test]
async fn a_quota_begins_anew_with_the_month() {
    let stack = Stack::shared().await;
    let clock = Clock::default();
    // Twenty seconds before midnight of the month's last day, in UTC.
    clock.advance(until_month_ends(clock.now()).saturating_sub(Duration::from_secs(20)));
    let instance = stack.launch(Options::of(&[Role::CommandApi]).clock(&clock)).await;
    let agent = Agent::define(&stack, Definition::new().quota(1)).await;
    agent.knows_at(instance.command_api()).await;
    agent.visitor_at(instance.command_api()).await;
    let refused = agent.init_at(instance.command_api(), &agent.init_body()).await;
    refused.refusal(429, "plan_limit_reached");
    assert!(refused.retry_after() <= 20, "{refused}");

    clock.advance(Duration::from_secs(25));

    agent.visitor_at(instance.command_api()).await;
    agent
        .init_at(instance.command_api(), &agent.init_body())
        .await
        .refusal(429, "plan_limit_reached");
}

fn until_month_ends(now: Timestamp) -> Duration {
    let date = now.to_offset_date_time().date();
    let days = u64::from(date.month().length(date.year()) - date.day()) + 1;
    let today = u64::try_from(now.unix_seconds().rem_euclid(86_400)).expect("positive");
    Duration::from_secs(days * 86_400 - today)
}
