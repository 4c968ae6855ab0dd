//! A database that is away, or has no connection left for us: visitors go on, the team is told to come back, and nothing is lost.

use std::{str::FromStr as _, sync::Arc};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use crate::support::{Agent, Stack, Visitor, http, send};

const QUESTION: &str = "Can I return a lantern?";

/// A visitor, and a team that reads what they leave.
struct Scene {
    stack: Arc<Stack>,
    agent: Agent,
    visitor: Visitor,
}

impl Scene {
    async fn open() -> Self {
        let stack = Stack::own_with_database().await;
        let agent = stack.taught_agent().await;
        let visitor = agent.visitor().await;
        let scene = Self { stack, agent, visitor };
        let before = scene.lead("a@b.example").await;
        assert_eq!(scene.leads_at(&before).await, 1);
        scene
    }

    /// Leaves an address; answers where it stands in the log.
    async fn lead(&self, email: &str) -> String {
        self.visitor.post("/leads", &json!({ "email": email })).await.position()
    }

    /// How many leads the team sees.
    async fn leads_at(&self, position: &str) -> usize {
        let leads = self.agent.team.read_at(&self.agent.path("/leads"), position).await;
        leads.data(200).as_array().map_or(0, Vec::len)
    }

    /// While there is no database; answers where the log stands after it.
    async fn goes_on(&self) -> String {
        let during = self.lead("c@d.example").await;
        let somebody = self.agent.visitor().await;
        somebody.post("/events", &json!({ "event": "x" })).await.data(202);
        let read = self.agent.team.read(&self.agent.path("/leads")).await;
        read.refusal(503, "database_unavailable");
        assert!(read.retry_after() >= 1);
        let client = http::client();
        for (api, readiness) in [(self.stack.command_api(), 200), (self.stack.read_api(), 503)] {
            send(client.get(format!("{api}/readyz"))).await.expect(readiness);
            send(client.get(format!("{api}/healthz"))).await.expect(200);
        }
        let unanswered = self.visitor.ask(QUESTION).await;
        assert_eq!(
            unanswered.error()["retryable"],
            true,
            "without its pages the agent does not guess"
        );
        during
    }

    /// When the database is there again.
    async fn lost_nothing(&self, during: &str) {
        self.stack.process().ready().await;
        assert_eq!(self.leads_at(during).await, 2);
        let answered = self.visitor.ask(QUESTION).await;
        assert_eq!(answered.done()["finish_reason"], "complete", "turns are answered again");
        let url = self.stack.database().await.url();
        let mut connection = connection(&url).connect().await.expect("room");
        let blamed: i64 = sqlx::query_scalar("SELECT count(*) FROM read.dead_letters")
            .fetch_one(&mut connection)
            .await
            .expect("a number");
        assert_eq!(blamed, 0, "no event was blamed for it");
    }
}

#[tokio::test]
async fn without_the_database_visitors_go_on() {
    let scene = Scene::open().await;
    scene.stack.database().await.kill();
    let during = scene.goes_on().await;
    scene.stack.database().await.restart().await;
    scene.lost_nothing(&during).await;
}

#[tokio::test]
async fn without_a_connection_to_the_database_visitors_go_on() {
    let scene = Scene::open().await;
    let url = scene.stack.database().await.url();
    let mut crowd = Crowd::at(&url).await;
    crowd.push().await;
    // Whoever was about to connect may still have got in.
    for _ in 0..20 {
        if scene.agent.team.read(&scene.agent.path("/leads")).await.status != 200 {
            break;
        }
        crowd.push().await;
    }
    let during = scene.goes_on().await;
    drop(crowd);
    scene.lost_nothing(&during).await;
}

const CROWD: &str = "a crowd";

/// Everybody else at the database.
struct Crowd {
    options: PgConnectOptions,
    taken: Vec<PgConnection>,
}

impl Crowd {
    async fn at(url: &str) -> Self {
        let options = connection(url).application_name(CROWD);
        let taken = vec![options.connect().await.expect("a connection")];
        Self { options, taken }
    }

    /// Takes every connection that is free, and then those that the product has.
    async fn push(&mut self) {
        self.take().await;
        let first = self.taken.first_mut().expect("it was taken");
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND application_name <> $1",
        )
        .bind(CROWD)
        .execute(first)
        .await
        .expect("others");
        self.take().await;
    }

    async fn take(&mut self) {
        while let Ok(connection) = self.options.connect().await {
            self.taken.push(connection);
        }
    }
}

fn connection(url: &str) -> PgConnectOptions {
    let options = PgConnectOptions::from_str(url).expect("an address");
    options.disable_statement_logging()
}
