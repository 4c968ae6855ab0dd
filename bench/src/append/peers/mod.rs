//! Event stores that others use, and the plain table that is often used instead of one. Each appends to the same Postgres, with
//! fsync and synchronous commits (or, where it is a server of its own, to itself), and each append fails if somebody else has
//! written to the stream.

mod emmett;
mod insert;
mod message_db;
mod npm;
mod postgres_es;
mod program;
mod sql;
mod umadb;

use std::collections::BTreeMap;

use serde_json::json;

use self::program::Program;
use super::Load;

/// In the order of the report.
pub(super) const NAMES: [&str; 5] = [
    insert::NAME,
    postgres_es::NAME,
    message_db::NAME,
    emmett::NAME,
    umadb::NAME,
];

/// As long as a stored command of ours.
const EVENT_BYTES: usize = 600;

/// Those that could be installed.
pub(super) struct Peers {
    database: String,
    peers: Vec<(&'static str, Peer)>,
}

enum Peer {
    Insert,
    MessageDb,
    Program(Program),
}

impl Peers {
    /// Installs what is not there yet, in `target/bench/peers`. Also answers why others are not there.
    pub(super) async fn install(database: String) -> (Self, BTreeMap<&'static str, String>) {
        let attempts = [
            (insert::NAME, insert::install(&database).await),
            (postgres_es::NAME, postgres_es::install().await),
            (message_db::NAME, message_db::install(&database).await),
            (emmett::NAME, emmett::install().await),
            (umadb::NAME, umadb::install().await),
        ];
        let (mut peers, mut missing) = (Vec::new(), BTreeMap::new());
        for (name, attempt) in attempts {
            match attempt {
                Ok(peer) => peers.push((name, peer)),
                Err(error) => drop(missing.insert(name, format!("{error:#}"))),
            }
        }
        (Self { database, peers }, missing)
    }

    /// Events per second of each, one after the other.
    pub(super) async fn append(&self, load: Load) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let mut rates = Vec::new();
        for (name, peer) in &self.peers {
            let rate = match peer {
                Peer::Insert => insert::append(&self.database, load).await?,
                Peer::MessageDb => message_db::append(&self.database, load).await?,
                Peer::Program(program) => program.append(&self.database, load).await?,
            };
            rates.push((*name, rate));
        }
        Ok(rates)
    }
}

/// What is appended, as JSON.
pub(super) fn event() -> String {
    let event = |content: &str| json!({ "type": "message.posted", "content": content }).to_string();
    event(&"x".repeat(EVENT_BYTES - event("").len()))
}
