//! A database that has no connection left for us: visitors go on, the team is told to come back, and nothing is lost.

use std::str::FromStr as _;

use serde_json::json;
use sqlx::{ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use crate::support::{Stack, http, send, until};

const CROWD: &str = "a crowd";

/// Everybody else at the database.
struct Crowd {
    options: PgConnectOptions,
    taken: Vec<PgConnection>,
}

impl Crowd {
    async fn at(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).expect("an address");
        let options = options.application_name(CROWD).disable_statement_logging();
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

#[tokio::test]
async fn without_a_connection_to_the_database_visitors_go_on_and_nothing_is_lost() {
    let stack = Stack::own_with_database().await;
    let agent = stack.taught_agent().await;
    let visitor = agent.visitor().await;
    let before = visitor
        .post("/leads", &json!({ "email": "a@b.example" }))
        .await
        .position();
    agent.team.read_at(&agent.path("/leads"), &before).await.data(200);

    let url = stack.database().await.url();
    let mut crowd = Crowd::at(&url).await;
    // Whoever was about to connect may still have got in.
    for _ in 0..20 {
        crowd.push().await;
        if agent.team.read(&agent.path("/leads")).await.status != 200 {
            break;
        }
    }

    let read = agent.team.read(&agent.path("/leads")).await;
    read.refusal(503, "database_unavailable");
    assert!(read.retry_after() >= 1);
    let during = visitor
        .post("/leads", &json!({ "email": "c@d.example" }))
        .await
        .position();
    let somebody = agent.visitor().await;
    somebody.post("/events", &json!({ "event": "x" })).await.data(202);
    let client = http::client();
    for (url, status) in [(stack.command_api(), 200), (stack.read_api(), 503)] {
        until("it says whether it can work", async || {
            let answer = send(client.get(format!("{url}/readyz"))).await;
            if answer.status == status {
                Ok(())
            } else {
                Err(answer.to_string())
            }
        })
        .await;
        send(client.get(format!("{url}/healthz"))).await.expect(200);
    }

    crowd.taken.clear();

    stack.process().ready().await;
    let leads = agent.team.read_at(&agent.path("/leads"), &during).await.data(200);
    assert_eq!(leads.as_array().map(Vec::len), Some(2));
    let answered = visitor.ask("Can I return a lantern?").await;
    assert_eq!(answered.done()["finish_reason"], "complete");
    let mut connection = crowd.options.connect().await.expect("room");
    let lost: i64 = sqlx::query_scalar("SELECT count(*) FROM read.dead_letters")
        .fetch_one(&mut connection)
        .await
        .expect("a number");
    assert_eq!(lost, 0, "no event was blamed for it");
}
