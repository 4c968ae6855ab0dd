//! A read model of one's own, in one file: how many messages visitors write in each hour of the day, by agent.
//!
//! `cargo run -p diagent --example busy_hours` is the whole product with this read model beside its own. The page that walks
//! through it is `projector/README.md`.

use std::process::ExitCode;

use events::{Category, LogEvent, Recorded, conversation::ConversationEvent};
use projector::{Projection, Registered};
use sqlx::PgConnection;

struct BusyHours;

impl Projection for BusyHours {
    const NAME: &'static str = "busy_hours";
    const VERSION: u32 = 1;
    const CATEGORIES: &'static [Category] = &[Category::Conversation];
    const EXPOSES: &'static [&'static str] = &["busy_hours"];
    const SCHEMA: &'static str = "CREATE TABLE busy_hours (
        agent_id text NOT NULL, hour smallint NOT NULL, messages bigint NOT NULL, PRIMARY KEY (agent_id, hour)
    )";
    // A count names no visitor, so it stays when one is erased.
    const OUTLIVES_ERASURE: bool = true;

    async fn apply(&self, connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
        let (agents, hours): (Vec<String>, Vec<i16>) = batch.iter().filter_map(agent_and_hour).unzip();
        // In the order of the key: another partition may be writing the same rows.
        let add = "INSERT INTO busy_hours AS b (agent_id, hour, messages)
            SELECT agent_id, hour, count(*) FROM unnest($1::text[], $2::smallint[]) AS m (agent_id, hour)
            GROUP BY agent_id, hour ORDER BY agent_id, hour
            ON CONFLICT (agent_id, hour) DO UPDATE SET messages = b.messages + excluded.messages";
        sqlx::query(add).bind(agents).bind(hours).execute(connection).await?;
        Ok(())
    }
}

fn agent_and_hour(recorded: &Recorded) -> Option<(String, i16)> {
    let LogEvent::Conversation(ConversationEvent::MessagePosted { at, .. }) = &recorded.event else {
        return None;
    };
    let hour = at.to_offset_date_time().hour();
    Some((recorded.subject.agent_id()?.to_string(), hour.into()))
}

pub(crate) fn projections() -> Vec<Registered> {
    vec![Registered::new(BusyHours)]
}

#[tokio::main]
async fn main() -> ExitCode {
    diagent::entry::run_with(projections).await
}
