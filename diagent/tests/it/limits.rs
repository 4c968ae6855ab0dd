//! Contract, "Rate limits"; features, "Rate limits". Windows are minutes of the clock, so these tests bring their own clock.

use std::time::Duration;

use events::Clock;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{Agent, Answer, Options, Process, Role, Stack, Visitor, send};

/// Instances whose minute has just begun.
struct Scene {
    agent: Agent,
    clock: Clock,
    one: Process,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        let stack = Stack::shared().await;
        let agent = stack.agent().await;
        let clock = Clock::default();
        let one = stack
            .launch(Options::of(&[Role::CommandApi]).clock(&clock).with(arguments))
            .await;
        agent.knows_at(one.command_api()).await;
        let scene = Self { agent, clock, one };
        scene.next_minute();
        scene
    }

    /// Moves the clock to the first seconds of the next minute.
    fn next_minute(&self) {
        let now = self.clock.now().unix_millis().rem_euclid(60_000);
        self.clock.advance(Duration::from_millis(60_500 - now.unsigned_abs()));
    }

    /// Another instance, in the same minute, that knows the agent.
    async fn another(&self) -> Process {
        let stack = Stack::shared().await;
        let other = stack.launch(Options::of(&[Role::CommandApi]).clock(&self.clock)).await;
        self.agent.knows_at(other.command_api()).await;
        other
    }

    async fn visitor(&self) -> Visitor {
        self.agent.visitor_at(self.one.command_api()).await
    }
}

fn throttled(answer: &Answer) {
    answer.refusal(429, "throttled");
    let seconds = answer.retry_after();
    assert!((1..=60).contains(&seconds), "{answer}");
    assert_eq!(answer.number("ratelimit-remaining"), 0);
    assert!(
        answer.header("access-control-allow-origin").is_some(),
        "a browser can read it: {answer}"
    );
}

#[tokio::test]
async fn init_is_limited_to_sixty_a_minute() {
    let scene = Scene::start().await;
    let body = scene.agent.init_body();
    let init = async || scene.agent.init_at(scene.one.command_api(), &body).await;
    for number in 1..=60 {
        let answer = init().await;
        answer.data(200);
        assert_eq!(answer.number("ratelimit-limit"), 60);
        assert_eq!(answer.number("ratelimit-remaining"), 60 - number);
        assert!((1..=60).contains(&answer.number("ratelimit-reset")));
    }

    throttled(&init().await);

    let other = Stack::shared().await.agent().await;
    other.knows_at(scene.one.command_api()).await;
    other.visitor_at(scene.one.command_api()).await;
    scene.next_minute();
    init().await.data(200);
}

#[tokio::test]
async fn writing_is_limited_to_thirty_a_minute_over_all_instances() {
    let scene = Scene::start().await;
    let visitor = scene.visitor().await;
    let other = scene.another().await;
    let elsewhere = visitor.at(other.command_api());
    let report = json!({ "event": "launcher.opened" });
    for number in 1..=30 {
        let here = if number % 2 == 0 { &visitor } else { &elsewhere };
        let answer = here.post("/events", &report).await;
        answer.data(202);
        assert_eq!(answer.number("ratelimit-limit"), 30);
        assert_eq!(answer.number("ratelimit-remaining"), 30 - number);
    }

    throttled(&visitor.post("/events", &report).await);
    throttled(&elsewhere.post("/events", &report).await);
    for path in ["/messages", "/messages/stream"] {
        throttled(&visitor.post(path, &json!({ "message": "One more?" })).await);
    }
    for path in [
        "/conversation/clear",
        "/conversation/typing",
        "/conversation/close",
        "/conversation/request-human",
    ] {
        throttled(&visitor.post_nothing(path).await);
    }
    throttled(&visitor.erase().await);
    assert_eq!(
        scene.agent.logged("diagent.telemetry.recorded").await.len(),
        30,
        "what was throttled left nothing"
    );

    scene.next_minute();
    visitor.post("/events", &report).await.data(202);
}

/// Who come at once, half of them at each of two instances.
const AT_ONCE: usize = 200;

/// Of all that came at once, `limit` were let in with this status, and each was told another number of those that are left.
/// A busy machine may not count one in time, which lets it in and says so by saying no number. Answers how many were let in.
fn exactly(limit: usize, status: u16, answers: Vec<Answer>) -> usize {
    assert_eq!(answers.len(), AT_ONCE);
    let (refused, taken): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 429);
    refused.iter().for_each(throttled);
    let let_in = taken.len();
    let (counted, uncounted): (Vec<_>, Vec<_>) = taken
        .into_iter()
        .inspect(|answer| drop(answer.data(status)))
        .partition(|answer| answer.header("ratelimit-remaining").is_some());
    let numbers = counted.iter().map(|answer| answer.number("ratelimit-remaining"));
    let left: std::collections::BTreeSet<u64> = numbers.collect();
    assert_eq!(left.len(), counted.len(), "no place is given twice: {left:?}");
    assert!(left.len() <= limit && left.len() + uncounted.len() >= limit, "{left:?}");
    let_in
}

#[tokio::test]
async fn of_all_that_is_written_at_once_at_two_instances_thirty_pass() {
    let scene = Scene::start().await;
    let (visitor, other) = (scene.visitor().await, scene.another().await);
    let elsewhere = visitor.at(other.command_api());
    let report = json!({ "event": "launcher.opened" });
    scene.next_minute();

    let at_once = [&visitor, &elsewhere].into_iter().cycle().take(AT_ONCE);
    let answers = join_all(at_once.map(|asker| asker.post("/events", &report))).await;

    let let_in = exactly(30, 202, answers);
    assert_eq!(scene.agent.logged("diagent.telemetry.recorded").await.len(), let_in);
}

#[tokio::test]
async fn of_all_who_come_at_once_from_one_address_to_two_instances_sixty_are_let_in() {
    let scene = Scene::start().await;
    let other = scene.another().await;
    let body = scene.agent.init_body();
    scene.next_minute();

    let at_once = [scene.one.command_api(), other.command_api()]
        .into_iter()
        .cycle()
        .take(AT_ONCE);
    let answers = join_all(at_once.map(|api| scene.agent.init_at(api, &body))).await;

    let let_in = exactly(60, 200, answers);
    assert_eq!(scene.agent.logged("diagent.visitor.arrived").await.len(), let_in);
    assert_eq!(scene.agent.logged("diagent.conversation.started").await.len(), let_in);
}

#[tokio::test]
async fn reading_has_a_bucket_of_its_own() {
    let scene = Scene::start().await;
    let visitor = scene.visitor().await;
    for _ in 0..30 {
        visitor.get("/conversation").await.data(200);
    }

    throttled(&visitor.get("/conversation/messages").await);
    throttled(&visitor.get("/me").await);
    throttled(&visitor.get("/conversations").await);
    visitor
        .post("/events", &json!({ "event": "cta.click" }))
        .await
        .data(202);
    visitor.ask("Can I still write?").await;
}

#[tokio::test]
async fn leads_are_limited_to_five_a_minute() {
    let scene = Scene::start().await;
    let visitor = scene.visitor().await;
    let lead = json!({ "email": "alex@example.com" });
    for number in 1..=5 {
        let answer = visitor.post("/leads", &lead).await;
        assert!(matches!(answer.status, 200 | 201), "{answer}");
        assert_eq!(answer.number("ratelimit-limit"), 5);
        assert_eq!(answer.number("ratelimit-remaining"), 5 - number);
    }

    throttled(&visitor.post("/leads", &lead).await);

    visitor
        .post("/events", &json!({ "event": "cta.click" }))
        .await
        .data(202);
    scene.next_minute();
    visitor.post("/leads", &lead).await.data(200);
}

#[tokio::test]
async fn one_visitors_requests_are_not_counted_for_another() {
    let scene = Scene::start().await;
    let (busy, quiet) = (scene.visitor().await, scene.visitor().await);
    for _ in 0..31 {
        busy.post_nothing("/conversation/typing").await;
    }
    throttled(&busy.post_nothing("/conversation/typing").await);
    quiet.post_nothing("/conversation/typing").await.expect(204);
}

#[tokio::test]
async fn an_address_that_anybody_can_claim_is_not_believed() {
    let scene = Scene::start().await;
    let body = scene.agent.init_body();
    let init = async |address: String| {
        let request = scene.agent.init_request(scene.one.command_api(), &body);
        send(request.header("X-Forwarded-For", address)).await
    };
    for number in 0..60 {
        init(format!("203.0.113.{number}")).await.data(200);
    }
    throttled(&init("203.0.113.99".to_owned()).await);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let scene = Scene::start_with(&[
        "--trusted-proxies",
        "127.0.0.0/8,10.0.0.0/8",
        "--limit-init-per-minute",
        "2",
    ])
    .await;
    let body = scene.agent.init_body();
    let init = async |forwarded: &str| {
        let request = scene.agent.init_request(scene.one.command_api(), &body);
        send(request.header("X-Forwarded-For", forwarded)).await
    };
    for _ in 0..2 {
        init("203.0.113.1").await.data(200);
    }

    throttled(&init("203.0.113.1").await);
    throttled(&init("198.51.100.7, 203.0.113.1").await);
    throttled(&init("203.0.113.1, 10.1.2.3").await);
    init("203.0.113.2").await.data(200);
    init("2001:db8:1:2::1").await.data(200);
    init("2001:db8:1:2::2").await.data(200);
    throttled(&init("2001:db8:1:2:ffff::3").await);
    init("2001:db8:1:3::1").await.data(200);
}

#[tokio::test]
async fn what_is_not_authenticated_is_not_counted() {
    let scene = Scene::start().await;
    let visitor = scene.visitor().await;
    for _ in 0..35 {
        let request = visitor
            .anonymous(Method::POST, "/conversation/typing")
            .bearer_auth("a.b.c");
        send(request).await.refusal(401, "unauthorized");
    }
    let answer = visitor.post_nothing("/conversation/typing").await.expect(204);
    assert_eq!(answer.number("ratelimit-remaining"), 29);
}
